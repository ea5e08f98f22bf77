/* waiting.pml: sleeping and waking, for messages and for room.
 *
 * Each lane holds one message at the most. What a put publishes, or an exclusive consumer gives back, may be on its way
 * for a while: it is in its process's store buffer until the memory takes it, or a barrier drives it there. Everything
 * else is sequentially consistent, and each access is a step, before which the process may be killed or stopped for
 * good (KILLP, KILLC; nobody succeeds it).
 *
 *   word here          in the file
 *   waiting[what]      the waiting bit of MESSAGES and of ROOM, with the sticky fence bit
 *   futex[what]        the futex word
 *   holds[lane]        whether there is a message in the lane
 *
 *   here               in the code
 *   rest()             WaitLoop.sleep(), Doorbell.prepareToSleep(), sleep()
 *   wake()             Doorbell.ring(), ringIfAwaited(), ringAll()
 *
 * Options, with their defaults: producers NP=2, consumers NC=2, puts of each producer PUTS=1. EXCLUSIVE: the consumer
 * moves the head by a plain store, else by a compare-and-set. FENCE: no process can have the barrier of others, so all
 * set the fence bit. FINISH: the liveness claim; a sleep may be over at any time then. Without it nobody wakes who is
 * not woken.
 *
 * Checked when nothing moves any more: WAKEUP (nobody sleeps who has what it waits for, unless somebody was stopped
 * between publishing and waking: that is what the timer is for). */
#ifndef NP
#define NP 2
#endif
#ifndef NC
#define NC 2
#endif
#ifndef PUTS
#define PUTS 1
#endif
#define MESSAGES 0
#define ROOM 1
#define WAITING 1
#define FENCED 2

byte waiting[2];
byte futex[2];
bit holds[NP];
bit published[NP];                      /* in the store buffer: holds[lane] := 1 */
byte freed[NC];                         /* in the store buffer: holds[freed - 1] := 0 */
bit asleep[NP + NC];
bit fault;                              /* a process was stopped between publishing and waking */
byte producers = NP, consumers = NC;
hidden byte WAKEUP;
#define CHECK(name, condition) assert(name || (condition))

#if KILLP > 0
byte killp = KILLP;
#endif
#if KILLC > 0
byte killc = KILLC;
#endif
#if KILLP > 0 && KILLC > 0
#define BUDGET(process) ((process) < NP -> killp : killc)
#define SPEND(process) if :: (process) < NP -> killp-- :: else -> killc-- fi
#elif KILLP > 0
#define BUDGET(process) ((process) < NP -> killp : 0)
#define SPEND(process) killp--
#elif KILLC > 0
#define BUDGET(process) ((process) < NP -> 0 : killc)
#define SPEND(process) killc--
#endif
#if KILLP > 0 || KILLC > 0
#define S(step) if :: atomic { step } :: atomic { BUDGET(me) > 0 -> SPEND(me); goto gone } fi
#define W(step) if :: atomic { step } :: atomic { BUDGET(me) > 0 -> SPEND(me); fault = 1; goto gone } fi
#else
#define S(step) atomic { step }
#define W(step) atomic { step }
#endif

/* The memory takes what is in a store buffer. */
active proctype Memory() {
  byte i;
end:
  do
  :: atomic { published[0] -> published[0] = 0; holds[0] = 1 }
#if NP > 1
  :: atomic { published[1] -> published[1] = 0; holds[1] = 1 }
#endif
#ifdef EXCLUSIVE
  :: atomic { freed[0] != 0 -> holds[freed[0] - 1] = 0; freed[0] = 0 }
#endif
  od
}

#define EVERYWHERE i = 0; \
   do :: i < NP -> if :: published[i] -> published[i] = 0; holds[i] = 1 :: else fi; i++ :: else -> i = 0; break od; \
   do :: i < NC -> if :: freed[i] != 0 -> holds[freed[i] - 1] = 0; freed[i] = 0 :: else fi; i++ :: else -> i = 0; \
   break od
#define MINE if :: me < NP -> if :: published[me] -> published[me] = 0; holds[me] = 1 :: else fi \
   :: else -> if :: freed[me - NP] != 0 -> holds[freed[me - NP] - 1] = 0; freed[me - NP] = 0 :: else fi fi
#define WAKEALL(what) i = 0; do :: i < NP -> if :: what == ROOM -> asleep[i] = 0 :: else fi; i++ \
   :: i >= NP && i < NP + NC -> if :: what == MESSAGES -> asleep[i] = 0 :: else fi; i++ :: else -> i = 0; break od

inline wake(what) {
#ifdef M_ALWAYSBEFORE
  skip;
#else
  W( seen = waiting[what] );
#endif
  if :: (seen & FENCED) != 0 -> W( MINE ); W( seen = waiting[what] ) :: else fi;
  if
  :: (seen & WAITING) != 0 ->
#ifdef M_RAISEFIRST
     W( futex[what]++ );
     W( waiting[what] = waiting[what] & FENCED );
     W( WAKEALL(what) )
#elif defined(M_WAKEFIRST)
     W( waiting[what] = waiting[what] & FENCED );
     W( WAKEALL(what) );
     W( futex[what]++ )
#elif defined(M_NORAISE)
     W( waiting[what] = waiting[what] & FENCED );
     W( WAKEALL(what) )
#elif defined(M_WAKEONE)
     W( waiting[what] = waiting[what] & FENCED );
     W( futex[what]++ );
     W( i = 0; do :: i < NP + NC && !(asleep[i] && (i < NP) == (what == ROOM)) -> i++ :: else -> break od;
        if :: i < NP + NC -> asleep[i] = 0 :: else fi; i = 0 )
#else
     W( waiting[what] = waiting[what] & FENCED );
     W( futex[what]++ );
     W( WAKEALL(what) )
#endif
  :: else
  fi;
  seen = 0
}

inline rest(what, ready) {
#ifndef M_WORDLATE
  S( was = futex[what] );
#endif
  S( sleepy = (waiting[what] & WAITING) == 0 );
  if :: sleepy -> S( waiting[what] = waiting[what] | WAITING ) :: else fi;
#ifdef M_WORDLATE
  S( was = futex[what] );
#endif
#if !defined(FENCE) && !defined(M_NOBARRIER)
  S( EVERYWHERE );
#endif
#ifdef M_NOLOOK
  S( if :: futex[what] == was -> asleep[me] = 1 :: else fi );
#else
  S( sleepy = !(ready) );
  if :: sleepy -> S( if :: futex[what] == was -> asleep[me] = 1 :: else fi ) :: else fi;
#endif
  atomic { was = 0; sleepy = 0 };
endsleep:
  if
  :: S( !asleep[me] -> skip )
#if defined(FINISH) && !defined(M_NOTIMER)
  :: atomic { asleep[me] -> asleep[me] = 0 }
#endif
  fi
}

#define HASROOM (!holds[me] && !published[me])
#if NP == 2
#define NOTHING (!published[0] && !holds[0] && !published[1] && !holds[1])
#define HASMESSAGE ((holds[0] && freed[me - NP] != 1) || (holds[1] && freed[me - NP] != 2))
#else
#define NOTHING (!published[0] && !holds[0])
#define HASMESSAGE (holds[0] && freed[me - NP] != 1)
#endif

proctype Producer(byte me) {
  byte k, i, seen, was; bit sleepy, room;
  do
  :: k == PUTS -> break
  :: k < PUTS ->
     S( room = HASROOM );
     if
     :: !room -> rest(ROOM, HASROOM)
     :: else ->
#ifdef M_ALWAYSBEFORE
        S( seen = waiting[MESSAGES] );
#endif
        S( published[me] = 1; k++ );    /* publish */
        wake(MESSAGES)
     fi;
     room = 0
  od;
gone:
  atomic { k = 0; i = 0; seen = 0; was = 0; sleepy = 0; room = 0; asleep[me] = 0; producers-- }
}

proctype Consumer(byte me) {
  byte i, seen, was; bit sleepy, found;
  do
  :: atomic { producers == 0 && NOTHING -> break }                         /* ends the search, not what is modelled */
  :: S( i = 0; found = 0;
        do :: i < NP && !(holds[i] && freed[me - NP] != i + 1) -> i++ :: else -> break od;
        if
        :: i < NP ->
#ifdef EXCLUSIVE
           if :: freed[me - NP] != 0 -> holds[freed[me - NP] - 1] = 0 :: else fi; freed[me - NP] = i + 1;
#else
           holds[i] = 0;
#endif
           found = 1
        :: else
        fi;
        i = 0 );
#ifdef M_ALWAYSBEFORE
     seen = waiting[ROOM];
#endif
     if
     :: found -> wake(ROOM)
     :: else -> rest(MESSAGES, HASMESSAGE)
     fi;
     atomic { found = 0 }
  od;
gone:
  atomic { i = 0; seen = 0; was = 0; sleepy = 0; found = 0; asleep[me] = 0; consumers-- }
}

active proctype Monitor() {
  byte i;
endmonitor:
  timeout ->
  atomic {
    do
    :: i < NP -> CHECK(WAKEUP, fault || !(asleep[i] && !holds[i])); i++
    :: i >= NP && i < NP + NC ->
#if NP == 2
       CHECK(WAKEUP, fault || !(asleep[i] && (holds[0] || holds[1])));
#else
       CHECK(WAKEUP, fault || !(asleep[i] && holds[0]));
#endif
       i++
    :: else -> i = 0; break
    od }
}

init {
  byte i;
  atomic {
#ifdef FENCE
    waiting[0] = FENCED; waiting[1] = FENCED;
#endif
    do :: i < NP -> run Producer(i); i++ :: else -> i = 0; break od;
    do :: i < NC -> run Consumer(NP + i); i++ :: else -> i = 0; break od }
}

#ifdef FINISH
ltl finish { <> (consumers == 0 || (producers == 0 && NOTHING)) }  /* all is put and taken, if there is who takes */
#endif
