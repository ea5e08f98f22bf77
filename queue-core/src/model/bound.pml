/* bound.pml: the exact bound on the number of items (maxItems), which no kill leaks, and nobody else's memory is
 * written for.
 *
 * Memory is sequentially consistent, each access is a step, and a producer may be killed before any of them (KILLP);
 * its locks drop some time later, and it may be succeeded.
 *
 *   word here          in the file
 *   announced[lane]    how many records the lane's owner has put, and the one that is on its way (of a batch: all)
 *   put[lane]          how many there are: the number in the zero header that ends the log
 *   gone[lane]         the number at the head: a record's, a zero header's, or that of a jump, which keeps the number
 *                      that its zero header had
 *   finished[lane]     with LEASED: a bit for each record that is done
 *   lock[lane]         the kernel's lock on the lane's byte; here, who has it
 *
 *   here               in the code
 *   Producer           LaneQueue.newProducer(); LaneWriter.beginBounded(); Bound.announce(), tryAnnounce(), retract()
 *   count, exact       Bound.countedItems(), exactItems(), places(); Participants.isLaneAlive(); Lanes.walk()
 *   Consumer           all that take; with LEASED, Lanes.passDone() too
 *
 * Options, with their defaults: producers NP=2, puts of each PUTS=2, the bound MAX=1, LEASED (records are done in any
 * order, the head follows some time later or not at all), BATCH (a put may be of two records).
 *
 * Checked: BOUND (never more items), LEAK (who puts alone, with room, is never refused). */
#ifndef NP
#define NP 2
#endif
#ifndef PUTS
#define PUTS 2
#endif
#ifndef MAX
#define MAX 1
#endif
#ifdef M_BATCHONE
#define ANNOUNCED 1
#else
#define ANNOUNCED n
#endif
byte announced[NP], put[NP], gone[NP], finished[NP], lock[NP];
byte items, producers = NP; bit present[NP];
hidden byte BOUND, LEAK;
#define CHECK(name, condition) assert(name || (condition))
#if KILLP > 0
byte killp = KILLP;
#define S(step) if :: atomic { step } :: atomic { killp > 0 -> killp--; goto killed } fi
#else
#define S(step) atomic { step }
#endif
#define ALONE l = 0; quiet = (items + n <= MAX); do :: l < NP -> if \
  :: l != p && (present[l] || lock[l] != 0) -> quiet = 0 :: else fi; l++ \
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

/* What has passed of lane l: the number at the head, and the records behind it that are done. */
inline passed() {
  S( g = gone[l] );
#if defined(LEASED) && !defined(M_HEADONLY)
  h = g;
  do
  :: h == PUTS -> h = 0; break          /* the walk goes to the end of the log; nothing is done behind it */
  :: else -> S( g = g + ((finished[l] >> h) & 1); h++ )
  od
#endif
}

inline exact() {
  l = 0; sum = 0;
  do
  :: l < NP ->
     passed();
     S( w = announced[l] );
     dead = 0;
#ifdef M_TAILFIRST
     S( last = put[l] );
#endif
     if
     :: w > g && l != p ->
#ifdef M_NOPROBE
        dead = 1
#else
        S( dead = (lock[l] == 0) )
#endif
     :: else
     fi;
     if
     :: dead ->
#ifdef M_TAILFIRST
        sum = sum + last - g
#else
        passed();
        S( sum = sum + put[l] - g )
#endif
     :: else -> sum = sum + w - g
     fi;
     atomic { g = 0; w = 0; dead = 0; last = 0; l++ }
  :: else -> l = 0; break
  od
}

proctype Producer(byte p) {
  byte k, n = 1, l, mine, g, h, w, last; short sum; bit quiet, dead, room;
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
#ifdef BATCH
     if :: k + 2 <= PUTS -> n = 2 :: n = 1 fi;
#endif
     atomic { ALONE };
#ifdef M_COUNTFIRST
     count();
     S( announced[p] = mine + ANNOUNCED );
     sum = sum + ANNOUNCED;
#else
     S( announced[p] = mine + ANNOUNCED );
     count();
#endif
     room = (sum <= MAX);
#ifndef M_NOEXACT
     if
     :: !room ->
        S( announced[p] = mine );
        exact();
        if
        :: sum + n <= MAX ->
           S( announced[p] = mine + ANNOUNCED );
#ifdef M_UNANNOUNCED
           sum = sum + n;
#else
           exact();
#endif
           room = (sum <= MAX)
        :: else
        fi
     :: else
     fi;
#endif
     if
     :: room ->
        S( put[p] = put[p] + n; items = items + n; CHECK(BOUND, items <= MAX); mine = mine + n; k = k + n )
     :: else ->
        S( announced[p] = mine; CHECK(LEAK, !quiet) )
     fi;
     atomic { sum = 0; quiet = 0; room = 0 }
  od;
  goto ended;
#if KILLP > 0
killed:
  atomic { l = 0; sum = 0; g = 0; h = 0; w = 0; last = 0; quiet = 0; dead = 0; room = 0; mine = 0; n = 1 };
  atomic {                              /* later: the kernel */
    do :: l < NP -> if :: lock[l] == p + 1 -> lock[l] = 0 :: else fi; l++ :: else -> l = 0; break od };
  if :: goto attach :: skip fi;
#endif
ended:
  atomic {
    if :: lock[p] == p + 1 -> lock[p] = 0 :: else fi;
    k = 0; n = 0; mine = 0; present[p] = 0; producers-- }
}

#ifdef LEASED
#define DO(l, n) :: atomic { n > gone[l] && n <= put[l] && !((finished[l] >> (n - 1)) & 1) -> \
   finished[l] = finished[l] | (1 << (n - 1)); items-- }
#define TAKE(l) DO(l, 1) DO(l, 2) :: atomic { (finished[l] >> gone[l]) & 1 -> gone[l]++ }
#else
#define TAKE(l) :: atomic { put[l] > gone[l] -> gone[l]++; items-- }
#endif

active proctype Consumer() {
  do
  TAKE(0)
#if NP > 1
  TAKE(1)
#endif
#if NP > 2
  TAKE(2)
#endif
  :: producers == 0 && items == 0 -> break
  od
}

init {
  byte i;
  atomic { do :: i < NP -> present[i] = 1; run Producer(i); i++ :: else -> i = 0; break od }
}
