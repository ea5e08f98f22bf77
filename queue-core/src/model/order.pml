/* order.pml: put, exclusive get and shared get; lanes that are inherited, used again and appear during a look.
 *
 * Memory is sequentially consistent, and each access to a word of the file is a step of its own. With KILLP, STOPP,
 * KILLC and STOPC a producer or a consumer may be killed, or stopped for good, before each of its steps; whoever died
 * may be succeeded at once. (A process that is stopped for a while is one that the search lets wait.)
 *
 *   word here          in the file
 *   ticket             the ticket counter
 *   lanes              lanes in use (option GROW; else all of them are)
 *   head[lane]         the lane's head: a position, it only grows
 *   word[slot]         a header: 0 = the log ends here, JUMP = it goes on in that chunk, else a record's ticket and
 *                      size; or the second half of a record of two slots, which looks like a header to who believes it
 *   pay[slot]          a record's payload: the message's number
 *
 *   here               in the code
 *   Producer           LaneWriter: constructor, begin(), ticket(), publish(); LaneSpace (chunks: chooses, remembers,
 *                      punches); Lanes.tail(), raiseLanesInUse()
 *   Consumer           LaneScan.selectLane(), selectOnlyLane(), laneWithSmallestTicket(), isSafeToTake(), scanAhead(),
 *                      rescan(), follow(); SharedConsumer.read(), tryGet(), measure(), take(), confirmEmpty(); with
 *                      EXCLUSIVE: ExclusiveConsumer.run(), pollOnly()
 *
 * Options, with their defaults: lanes and their producers NP=2, consumers NC=2, puts of each producer K0=2 K1=1 K2=1,
 * chunks of a lane CH=2, slots of a chunk CS=2 (a record, and the header behind it), records of one slot or, SZ=2, of
 * one or two (with CS=2 one of two needs two neighbouring chunks), BATCH: a put may be of two records, ABORT: a claim
 * that made a jump may be given up, PUNCH: free chunks may be given back, ROUND: jump counts come round. RUN: a shared
 * consumer may take two records of a lane at once, SEE: sees a second record ahead, ONCE: the second consumer leaves
 * after one message. FINISH: the liveness claim.
 *
 * Checked: FIFO (linearizable: no message before one whose put returned before its own began), TWICE, EMPTY (there was
 * such a moment during the get), LOST, PAYLOAD (what was delivered is what was put, whole). A checked name stands in
 * pan's message.
 *
 * Mutants (M_...) break one rule each; see MODELS.md. */
#include "lane.pml"

byte taken;                             /* messages that were delivered, and a head moved over them */
#ifdef EXCLUSIVE
byte given;                             /* messages that were delivered, and the head not moved over them yet */
#endif
hidden byte FIFO, TWICE, EMPTY, LOST, PAYLOAD;

/* Delivered to the caller: message m, which was read at this position of lane best. */
#define DELIVER(m, position) \
   CHECK(PAYLOAD, (m) != 0 && (m) >= FIRST(best) && (m) < FIRST(best) + PUTS(best) && place[m] == (position)); \
   CHECK(TWICE, (pend & BIT(m)) != 0); CHECK(FIFO, (prec[m] & pend) == 0); pend = WITHOUT(pend, m)
#define EMPTIED if :: pend == 0 -> j = 0; do :: j < NC -> wasEmpty[j] = 1; j++ :: else -> j = 0; break od :: else fi
#define TAKEN(m) taken = taken | BIT(m); place[m] = 0; prec[m] = 0; \
   j = 1; do :: j <= MESSAGES -> prec[j] = WITHOUT(prec[j], m); j++ :: else -> j = 0; break od

/* What lies behind says nothing any more: forgotten, so that states that behave alike are one. */
#define PASSED(l) if :: !BEYOND(seen[l], at[l]) -> seen[l] = START :: else fi

/* Reads the first record of lane l into hd[l], at[l] and first[l]; LaneScan.follow() moves the head over a jump. */
inline read(l) {
#ifdef EXCLUSIVE
  C( x = word[SLOT(l, at[l])] );
  do
  :: ISJUMP(x) -> C( q = TARGET(at[l], x); head[l] = q; hd[l] = q; at[l] = q; q = 0 ); C( x = word[SLOT(l, at[l])] )
  :: !ISJUMP(x) -> break
  od;
  atomic { first[l] = x; x = 0 }
#else
  do
  :: C( h = head[l] );
     C( x = word[SLOT(l, h)] );
     if
     :: ISJUMP(x) ->
#ifdef M_BLINDJUMP
        C( head[l] = TARGET(h, x); h = 0; x = 0 )
#else
        C( if :: head[l] == h -> head[l] = TARGET(h, x) :: else fi; h = 0; x = 0 )
#endif
     :: else ->
#ifdef M_NOVAL
        atomic { hd[l] = h; at[l] = h; first[l] = x; PASSED(l); h = 0; x = 0; break }
#else
        C( if
           :: head[l] == h -> hd[l] = h; at[l] = h; first[l] = x; PASSED(l); h = 0; x = 0; break
           :: else -> h = 0; x = 0
           fi )
#endif
     fi
  od
#endif
}

#ifdef M_RUNBELOW
#define RUNBELOW true
#else
#define RUNBELOW (TICKET(y) < second)
#endif
#ifdef M_RUNSEEN
#define RUNSEEN true
#else
#define RUNSEEN (n == 1 || TICKET(y) < bound || BEYOND(seen[best], q))
#endif

#define FORGET i = 0; j = 0; h = 0; q = 0; x = 0; y = 0; m = 0; m2 = 0; best = NONE; second = NONE; before = 0; \
   found = 0; only = 0; same = 0

proctype Consumer(byte c) {
  byte hd[NP], at[NP], first[NP], seen[NP], bound, n;  /* what the consumer remembers; n = lanes, as of its last look */
  byte i, j, h, q, x, y, m, m2, best, second, before; bit found, only, same, over;
#ifdef M_WAITGAP
  byte last;
#endif
#ifdef ROUND
  atomic { do :: i < NP -> seen[i] = START; i++ :: else -> i = 0; break od };
#endif
attach:
#if defined(ATTACH) || KILLC > 0
  C( bound = ticket - 1 );                                      /* else: attached before the first put */
#endif
#ifndef GROW
  n = (NP > 1 -> NP : 0);                                       /* spares the search the case of one lane */
#endif
#ifdef EXCLUSIVE
  atomic { i = 0; do :: i < NP -> hd[i] = head[i]; at[i] = head[i]; i++ :: else -> i = 0; break od };
#endif
get:
  atomic { FORGET; wasEmpty[c] = (pend == 0); over = (producers == 0) };
choose:
  atomic { best = NONE; second = NONE; only = 0 };
  if
  :: n <= 1 ->                                                  /* chooseOnly() */
     if :: n == 0 -> LOOKLANES :: else fi;
     if :: n == 0 -> goto nothing :: else fi;
     if :: first[0] == 0 -> read(0) :: else fi;
#ifdef M_SHORT
     n = 1;
#else
     C( if :: LANES != 1 -> first[0] = 0; only = 1 :: else -> n = 1 fi );
#endif
     if
     :: only -> goto look
     :: !only && first[0] == 0 -> goto nothing
     :: else -> best = 0; goto take
     fi
  :: else
  fi;
smallest:
  atomic {
    best = NONE; second = NONE; only = 0; i = 0;
    do
    :: i < n ->
       if
       :: first[i] != 0 && (best == NONE || TICKET(first[i]) < TICKET(first[best])) ->
          second = (best == NONE -> NONE : TICKET(first[best])); best = i
       :: first[i] != 0 && best != NONE && TICKET(first[i]) > TICKET(first[best]) && TICKET(first[i]) < second ->
          second = TICKET(first[i])
       :: else
       fi;
       i++
    :: else -> i = 0; break
    od };
  if
  :: best == NONE
#ifdef M_WAITGAP
  :: best != NONE && TICKET(first[best]) <= last + 1 -> goto take
  :: best != NONE && TICKET(first[best]) > last + 1 ->
#elif defined(M_ONE)
  :: best != NONE -> goto take
#elif defined(M_BOUND)
  :: best != NONE && TICKET(first[best]) <= bound -> goto take
  :: best != NONE && TICKET(first[best]) > bound ->
#else
  :: best != NONE && (TICKET(first[best]) < bound || BEYOND(seen[best], at[best])) -> goto take
  :: best != NONE && !(TICKET(first[best]) < bound || BEYOND(seen[best], at[best])) ->
#endif
#ifndef M_ONE
     atomic { x = first[best]; q = ADD(at[best], SIZE(x)); y = 0 };   /* seeAhead() */
#ifdef SEE
     C( y = word[SLOT(best, q)]; if :: y != 0 && !ISJUMP(y) -> q = ADD(q, SIZE(y)); x = y :: else fi; y = 0 );
#endif
#if defined(EXCLUSIVE) || defined(M_AHEAD)
     atomic { seen[best] = q; if :: TICKET(x) > bound -> bound = TICKET(x) :: else fi; x = 0; q = 0 }
#else
     C( if
        :: head[best] == hd[best] -> seen[best] = q; if :: TICKET(x) > bound -> bound = TICKET(x) :: else fi
        :: else -> y = 1
        fi;
        x = 0; q = 0 );
     if :: y -> y = 0; read(best) :: else fi
#endif
#endif
  fi;
look:
  found = 0;
#ifndef M_LANESLATE
  LOOKLANES;
#endif
  i = 0;
  do
  :: i < n && first[i] != 0 -> i++
  :: i < n && first[i] == 0 -> read(i); found = found || first[i] != 0; i++
  :: i >= n -> i = 0; break
  od;
#ifdef M_LANESLATE
  LOOKLANES;
#endif
  if
  :: found || only || best != NONE -> goto smallest
  :: else
  fi;
#if !defined(EXCLUSIVE) && !defined(M_EMPTY1)                   /* provenEmpty() */
#ifdef M_EMPTYHEADS
  same = 1;
  do :: i < n -> C( same = same && head[i] == hd[i]; i++ ) :: else -> i = 0; break od;
#else
  before = n;
  LOOKLANES;
  same = 1;
  do
  :: i < n ->
     m2 = (i < before -> hd[i] : START);
     read(i);
     same = same && first[i] == 0 && hd[i] == m2; m2 = 0; i++
  :: else -> i = 0; break
  od;
#endif
  if :: !same -> goto smallest :: else fi;
#endif
nothing:
  CHECK(EMPTY, wasEmpty[c]);
  if :: over -> goto ended :: else -> goto get fi;
take:
#ifdef EXCLUSIVE                                                /* tryGet(); run() and pollOnly() */
#ifdef M_EARLYHEAD
  C( head[best] = ADD(at[best], SIZE(first[best])) );
#endif
  do
  :: q = ADD(at[best], SIZE(first[best]));
     C( y = word[SLOT(best, q)] );
     if :: n == 1 && y != 0 && !ISJUMP(y) -> C( if :: LANES != 1 -> y = 0; n = 0 :: else fi ) :: else fi;
     C( m = pay[SLOT(best, at[best])]; DELIVER(m, at[best]); given = given | BIT(m); at[best] = q; first[best] = y;
       m = 0; q = 0; y = 0;
        EMPTIED );
     if                                                         /* the caller's limit may end the run at any record */
     :: first[best] != 0 && !ISJUMP(first[best]) && TICKET(first[best]) < second &&
       (n == 1 || TICKET(first[best]) < bound || BEYOND(seen[best], at[best]))
     :: break
     fi
  od;
#ifdef M_EARLYHEAD
  atomic { hd[best] = at[best];
#else
  C( head[best] = at[best]; hd[best] = at[best];                /* release() */
#endif
     m = 1;
     do
     :: m <= MESSAGES -> if :: (given & BIT(m)) != 0 -> TAKEN(m) :: else fi; m++
     :: else -> m = 0; given = 0; break
     od
#ifdef M_EARLYHEAD
  };
#else
  );
#endif
  atomic { PASSED(best); if :: n == 0 -> first[best] = 0 :: else fi };
  if :: ISJUMP(first[best]) -> read(best) :: else fi;
  goto get;
#else
  atomic { q = ADD(at[best], SIZE(first[best])); m = 0; m2 = 0; x = 0; y = 0 };
#ifndef M_NEXTLATE
  C( x = word[SLOT(best, q)] );                                 /* the header behind; the taking step proves it */
#endif
#ifdef RUN                                                      /* poll(): measure() */
  y = x;
  if
  :: y != 0 && !ISJUMP(y) && RUNBELOW && RUNSEEN ->
     if :: C( x = word[SLOT(best, ADD(q, SIZE(y)))] ) :: y = 0 fi
  :: else -> y = 0
  fi;
  if
  :: n == 1 ->
     C( if :: LANES != 1 -> n = 0 :: else fi );
     if :: n == 0 -> atomic { x = 0; y = 0; q = 0 }; read(best); goto choose :: else fi
  :: else
  fi;
  if :: y != 0 -> C( m2 = pay[SLOT(best, q)] ) :: else fi;
#endif
#ifdef M_LATECOPY
  C( if
     :: head[best] == hd[best] -> head[best] = q; hd[best] = q
     :: else -> m2 = 1
     fi );
  if :: m2 == 1 -> atomic { q = 0; m2 = 0; x = 0 }; read(best); goto choose :: else fi;
  C( m = pay[SLOT(best, at[best])]; DELIVER(m, at[best]); TAKEN(m); EMPTIED; m = 0;
#else
  C( m = pay[SLOT(best, at[best])] );                           /* the copy; then the taking step */
#ifdef M_BLINDHEAD
  C(
#else
  C( if
     :: head[best] != hd[best] -> m = 0; m2 = 0; q = 0; y = 0; x = NONE
     :: else ->
#endif
        DELIVER(m, at[best]); TAKEN(m);
#ifdef RUN
        if
        :: y != 0 -> DELIVER(m2, q); TAKEN(m2); q = ADD(q, SIZE(y))
        :: else
        fi;
#endif
#ifdef M_WAITGAP
        if :: TICKET(first[best]) > last -> last = TICKET(first[best]) :: else fi;
#endif
        head[best] = q; hd[best] = q; m = 0; m2 = 0; y = 0; EMPTIED;
#endif
        at[best] = q; first[best] = x; x = 0; q = 0; PASSED(best)
#if defined(M_BLINDHEAD) || defined(M_LATECOPY)
   );
#else
     fi );
  if :: x == NONE -> x = 0; read(best); goto choose :: else fi;
#endif
#ifdef M_NEXTLATE
  C( first[best] = word[SLOT(best, at[best])] );
#endif
  if :: ISJUMP(first[best]) -> read(best) :: else fi;
#ifdef ONCE
  if :: c == 1 -> goto ended :: else fi;
#endif
  goto get;
#endif
killed:                                                         /* another one may attach in its place */
  atomic {
    FORGET; bound = 0; n = 0; over = 0; wasEmpty[c] = 0;
    do :: i < NP -> hd[i] = 0; at[i] = 0; first[i] = 0; seen[i] = START; i++ :: else -> i = 0; break od;
#ifdef EXCLUSIVE
    pend = pend | given; given = 0
#endif
  };
  if
  :: goto attach
#ifndef EXCLUSIVE
  :: MAYLEAVE
#endif
  fi;
ended:
  atomic {
    FORGET; bound = 0; n = 0; over = 0; wasEmpty[c] = 0; best = 0; second = 0;
    do :: i < NP -> hd[i] = 0; at[i] = 0; first[i] = 0; seen[i] = START; i++ :: else -> i = 0; break od;
    consumers-- }
}

init {
  byte i;
  atomic {
    do :: i < NP -> run Producer(i); i++ :: else -> i = 0; break od;
    do :: i < NC -> run Consumer(i); i++ :: else -> i = 0; break od };
  consumers == 0;
  CHECK(LOST, pend == 0)
}

#ifdef FINISH
ltl finish { <> (consumers == 0) }      /* whoever is not stopped comes to an end */
#endif
