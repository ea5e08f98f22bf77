/* bound.pml: the exact bound on the number of items (maxItems), which no kill leaks.
 *
 * Memory is sequentially consistent, each access is a step, and a producer may be killed before any of them (KILLP); its locks
 * drop some time later, and it may be succeeded.
 *
 *   word here          in the file
 *   announced[lane]    how many records the lane's owner has put, and the one that is on its way
 *   put[lane]          how many there are: the number in the zero header that ends the log
 *   gone[lane]         the number of the record at the head
 *   lock[lane]         the kernel's lock on the lane's byte; here, who has it
 *
 *   here               in the code
 *   Producer           LaneQueue.newProducer(); Producer.beginCounted(), announce(), retract();
 *                      LaneQueue.countedItems(), voidAnnouncementsOfTheDead()
 *
 * Options, with their defaults: producers NP=2, puts of each PUTS=2, the bound MAX=1.
 *
 * Checked: BOUND (never more items), LEAK (who puts alone, with room, is refused once at the most). */
#ifndef NP
#define NP 2
#endif
#ifndef PUTS
#define PUTS 2
#endif
#ifndef MAX
#define MAX 1
#endif
byte announced[NP], put[NP], gone[NP], lock[NP];
byte items, producers = NP; bit present[NP];
hidden byte BOUND, LEAK;
#define CHECK(name, condition) assert(name || (condition))
#if KILLP > 0
byte killp = KILLP;
#define S(step) if :: atomic { step } :: atomic { killp > 0 -> killp--; goto killed } fi
#else
#define S(step) atomic { step }
#endif
#define ALONE l = 0; quiet = (items < MAX); do :: l < NP -> if :: l != p && (present[l] || lock[l] != 0) -> quiet = 0 :: else fi; l++ \
   :: else -> l = 0; break od

inline count() {
  l = 0; sum = 0;
  do
  :: l < NP ->
     S( sum = sum - gone[l] );
     S( sum = sum + announced[l]; l++ )
  :: else -> l = 0; break
  od
}

proctype Producer(byte p) {
  byte k, l, mine, last, refused; short sum; bit quiet, got;
attach:
  S( lock[p] == 0 -> lock[p] = p + 1 );
  S( mine = put[p] );
#ifndef M_HEIRKEEPS
  S( announced[p] = mine );
#else
  S( mine = announced[p] );
#endif
  do
  :: k == PUTS -> break
  :: else ->
     atomic { ALONE };
#ifdef M_COUNTFIRST
     count();
     S( announced[p] = mine + 1 );
     sum = sum + 1;
#else
     S( announced[p] = mine + 1 );
     count();
#endif
     if
     :: sum <= MAX ->
        S( put[p]++; items++; CHECK(BOUND, items <= MAX); mine++; k++ ); sum = 0; refused = 0
     :: else ->
        S( announced[p] = mine );
        atomic { sum = 0; refused = (quiet -> refused + 1 : 0); CHECK(LEAK, refused < 2) };
#ifndef M_NOVOID
        do
        :: l < NP && l == p -> l++
        :: l < NP && l != p ->
#ifdef M_VOIDLIVING
           got = 1;
#else
           S( got = (lock[l] == 0); if :: got -> lock[l] = p + 1 :: else fi );
#endif
           if
           :: got ->
              S( last = put[l] );
              S( announced[l] = last );
#ifndef M_VOIDLIVING
              S( lock[l] = 0 );
#endif
              atomic { got = 0; last = 0 }
           :: else
           fi;
           l++
        :: else -> l = 0; break
        od
#endif
     fi;
     quiet = 0
  od;
  goto ended;
#if KILLP > 0
killed:
  atomic { l = 0; sum = 0; last = 0; quiet = 0; got = 0; refused = 0; mine = 0 };
  atomic {                              /* later: the kernel */
    do :: l < NP -> if :: lock[l] == p + 1 -> lock[l] = 0 :: else fi; l++ :: else -> l = 0; break od };
  if :: goto attach :: skip fi;
#endif
ended:
  atomic {
    if :: lock[p] == p + 1 -> lock[p] = 0 :: else fi;
    k = 0; mine = 0; refused = 0; present[p] = 0; producers-- }
}

active proctype Consumer() {
  byte l;
  do
  :: atomic { put[0] > gone[0] -> gone[0]++; items-- }
#if NP > 1
  :: atomic { put[1] > gone[1] -> gone[1]++; items-- }
#endif
#if NP > 2
  :: atomic { put[2] > gone[2] -> gone[2]++; items-- }
#endif
  :: producers == 0 && items == 0 -> break
  od
}

init {
  byte i;
  atomic { do :: i < NP -> present[i] = 1; run Producer(i); i++ :: else -> i = 0; break od }
}
