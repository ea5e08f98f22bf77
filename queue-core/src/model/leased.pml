/* leased.pml: leased get. Claims, giving back, taking over from the dead and from the slow, and what memory that is
 * used again does to those who look meanwhile; with shared tickets, and with cursors.
 *
 * Steps, kills and stops are those of order.pml; lane.pml has those who put. A killed consumer's lock drops some time
 * later.
 *
 *   word here          in the file
 *   claim[slot]        the lease word of the record that begins there: jump count, owner, attempt,
 *                      state; with another count than the record's it says nothing: FREE
 *   number             attachments: a consumer's number is drawn from it
 *   lock[number]       the kernel's lock on the byte of that number
 *
 *   here               in the code
 *   Consumer           Participants.drawConsumerId(); LaneScan.selectLane() and what it calls;
 *                      LeasingConsumer.acquire(); LeaseScan.beginRounds(), read(), readLeased(), passHead(),
 *                      walk(), hasPassed(), confirmEmpty(); LeaseHolders.isAbandoned(); Lease.done(), giveBack();
 *                      Lanes.passDone()
 *
 * Options beside those of lane.pml: CURSOR (a look may begin where the last one ended; else every get begins at the
 * heads), RELEASE (a lease may be given back, MOST times each message), HOLD (or be kept for good), EXPIRE (the
 * visibility time-out may be over at any time, as long as there are less than MOST attempts), NUMBERS=n (numbers come
 * round after n), ONCE (the second consumer leaves after one lease).
 *
 * Checked: CLAIMED (only on a record that is published and not done), FIFO of first claims, TWICE (a message is first
 * claimed once; an attempt is delivered once), HELD (nobody takes over from the living, without EXPIRE), PAYLOAD, EMPTY
 * (there was a moment without a message that nobody had claimed), OVERLOOKED (and none was there to be claimed again
 * all the time), HEAD (it passes only what is done), CORRUPTED (nobody takes memory that was used again for damage),
 * LOST. */
#define LEASED
#ifdef PUNCH
#define VOID
#endif
#include "lane.pml"
#ifndef MOST
#define MOST 2
#endif
#ifndef NUMBERS
#define NUMBERS 7
#endif

#define FREE 0
#define TAKEN 1
#define DONE 2
#ifdef M_COUNT1
#define TAG(position) (1 - JUMPS(position) % 2)                 /* a jump count of one bit */
#else
#define TAG(position) JUMPS(position)
#endif
#ifdef M_NOCOUNT
#define OFCOUNT(w, position) true
#else
#define OFCOUNT(w, position) ((w) / 128 == TAG(position))
#endif
#define WORD(position, owner, attempt, state) (TAG(position) * 128 + (owner) * 16 + (attempt) * 4 + (state))
#define STATE(w, position) (OFCOUNT(w, position) -> (w) % 4 : FREE)
#define ATTEMPTS(w, position) (OFCOUNT(w, position) -> ((w) / 4) % 4 : 0)
#define OWNER(w) (((w) / 16) % 8)
#define CLAIM(lane, position) claim[SLOT(lane, position)]

byte number;
bit lock[8];

bit alive[8];                           /* not killed */
byte claimed;                           /* messages that were claimed at least once */
byte done;                              /* messages that are done */
byte back;                    /* messages that can be claimed again: given back, or the dead owner's lock has dropped */
byte stuck;                             /* messages that somebody holds for good */
byte delivered[MESSAGES + 1];           /* which attempts of a message were delivered */
byte missed[NC];                        /* messages in `back` since before this get */
hidden byte CLAIMED, CORRUPTED, FIFO, TWICE, HELD, PAYLOAD, EMPTY, OVERLOOKED, HEAD, LOST;

#define EMPTIED if :: pend == 0 -> j = 0; do :: j < NC -> wasEmpty[j] = 1; j++ :: else -> j = 0; break od :: else fi
#define FORGOTTEN(m) j = 1; do :: j <= MESSAGES -> prec[j] = WITHOUT(prec[j], m); j++ :: else -> j = 0; break od; \
  prec[m] = 0
#define NOTMISSED(m) back = WITHOUT(back, m); j = 0; do :: j < NC -> missed[j] = WITHOUT(missed[j], m); j++ \
  :: else -> j = 0; break od
/* The message whose record is at this position of lane l, or 0. */
#define FIND(m, l, position) m = FIRST(l); \
   do :: m < FIRST(l) + PUTS(l) && !((pend | (claimed & (255 - done))) & BIT(m) && place[m] == (position)) -> m++ \
   :: else -> break od; \
   if :: m == FIRST(l) + PUTS(l) -> m = 0 :: else fi
/* Of the messages that this consumer holds: adds them to a set. */
#define HOLDS(set) i = 0; do :: i < NP -> j = FIRST(i); \
   do :: j < FIRST(i) + PUTS(i) -> if :: (claimed & (255 - done) & BIT(j)) && \
      STATE(CLAIM(i, place[j]), place[j]) == TAKEN && \
      OWNER(CLAIM(i, place[j])) == g -> set = set | BIT(j) :: else fi; j++ :: else -> break od; i++ \
      :: else -> i = 0; j = 0; break od

#define PLACE(position) (1 << ((position) % 32))
#define LISTED(list, position) list = list | PLACE(position)
#define UNLISTED(list, position) list = list & ~PLACE(position)
#define ISLISTED(list, position) ((list & PLACE(position)) != 0)
#define PAST(l) if :: !BEYOND(seen[l], at[l]) -> seen[l] = START :: else fi

/* Nothing from h to e is other than done. */
#define MOVED(lane) j = 1; do :: j <= MESSAGES -> \
   if :: j >= FIRST(lane) && j < FIRST(lane) + PUTS(lane) && ((pend | (claimed & (255 - done))) & BIT(j)) -> \
   CHECK(HEAD, BEYOND(h, place[j]) || !BEYOND(e, place[j])) :: else fi; j++ :: else -> j = 0; break od; head[lane] = e

#ifdef M_BLINDHEAD
#define MOVE(step) C( step )
#else
#define MOVE(step) C( if :: head[lane] == h -> step :: else fi )
#endif
/* passDone(): moves the head of a lane over what is done, up to a jump at once, or over a jump. */
inline passDone(lane) {
  do
  :: C( h = head[lane] );
     e = h;
     do
     :: C( x = word[SLOT(lane, e)] );
        if :: x == 0 || ISJUMP(x) -> break :: else fi;
        C( pw = CLAIM(lane, e) );
#ifdef M_HEADTAKEN
        if :: STATE(pw, e) == FREE -> break :: else fi;
#else
        if :: STATE(pw, e) != DONE -> break :: else fi;
#endif
        e = ADD(e, SIZE(x))
     od;
     if
     :: e != h -> MOVE( MOVED(lane) )
     :: e == h && ISJUMP(x) -> MOVE( head[lane] = TARGET(h, x) )
     :: else -> break
     fi
  od;
  atomic { h = 0; x = 0; pw = 0; e = 0 }
}

#define FORGET i = 0; j = 0; h = 0; e = 0; q = 0; x = 0; y = 0; w = 0; m = 0; copy = 0; best = NONE; old = 0; to = 0; \
   found = 0; same = 0; lost = 0; stale = 0; headed = 0; found2 = 0; add = 0

proctype Consumer(byte c) {
  byte hd[NP], at[NP], first[NP], seen[NP], cur[NP], end[NP], rnd[NP], bound, g;
  int list[NP], add;                    /* the leased records before the cursor, by position; found by this walk */
  bit round[NP];                        /* a round is going on; rnd: its next position */
  short was[NP];                        /* the lease word of a lane's first record, as the walk saw it */
  byte i, j, h, e, q, x, y, m, copy, best, old, to; short w, pw;
  bit found, same, over, lost, stale, forgot, headed, found2;
attach:
#ifdef M_REUSE
  atomic { if :: g == 0 -> number++; g = number :: else fi; alive[g] = 1 };
  C( lock[g] = 1 );
#else
  C( g = number % NUMBERS + 1; number = (number + 1) % (2 * NUMBERS) );
#ifndef M_LOCKLATE
#if NUMBERS == 7 || defined(M_NOSCAN)
  C( if :: lock[g] -> goto attach :: else -> lock[g] = 1 fi );
#else
  C( if :: lock[g] -> goto attach :: else -> lock[g] = 1 fi;
     /* what a dead one of that number holds seems to be held by the living until the lock is let go */
     HOLDS(y); back = back & (255 - y); do :: i < NC -> missed[i] = missed[i] & (255 - y); i++ :: else -> i = 0;
       break od; y = 0 );
#endif
#endif
#endif
#if NUMBERS < 7 && !defined(M_NOSCAN)
  /* holders(): one step for all lanes; a claim that carries the number can only vanish while its lock is held */
  C( HOLDS(y); if :: y != 0 -> back = back | y; y = 0; lock[g] = 0; goto attach :: else -> alive[g] = 1 fi );
#else
  alive[g] = 1;
#endif
  C( bound = ticket - 1 );
  atomic { i = 0; do :: i < NP -> hd[i] = head[i]; at[i] = head[i]; cur[i] = head[i]; end[i] = head[i]; seen[i] = START;
    list[i] = 0; round[i] = 0; i++ :: else -> i = 0; break od };
get:
  atomic { FORGET; wasEmpty[c] = (pend == 0); over = (producers == 0); missed[c] = back };
  /* beginRounds() */
#ifdef CURSOR
  if :: forgot = 1 :: skip fi;          /* some milliseconds are over, or not */
#else
  forgot = 1;
#endif
  atomic {
    if :: forgot -> do :: i < NP -> round[i] = 1; rnd[i] = hd[i]; first[i] = 0; was[i] = 0; i++
        :: else -> i = 0; break od;
      forgot = 0 :: else fi };
choose:
#if NP == 1
  if :: first[0] == 0 -> i = 0; to = 1; goto read :: else fi;   /* chooseOnly() */
only:
  if :: first[0] == 0 -> goto nothing :: else -> best = 0; goto take fi;
#else
smallest:
  atomic {
    best = NONE; i = 0;
    do
    :: i < NP -> if :: first[i] != 0 && (best == NONE || TICKET(first[i]) < TICKET(first[best])) -> best = i
      :: else fi; i++
    :: else -> i = 0; break
    od };
  if
  :: best == NONE
#ifdef M_ONE
  :: best != NONE -> goto take
#elif defined(M_BOUND)
  :: best != NONE && TICKET(first[best]) <= bound -> goto take
  :: best != NONE && TICKET(first[best]) > bound ->
#else
  :: best != NONE && (TICKET(first[best]) < bound || BEYOND(seen[best], at[best])) -> goto take
  :: best != NONE && !(TICKET(first[best]) < bound || BEYOND(seen[best], at[best])) ->
#endif
#ifndef M_ONE
     atomic { x = first[best]; q = ADD(at[best], SIZE(x)) };        /* seeAhead() */
     C( if
        :: !BEYOND(head[best], at[best]) -> seen[best] = q; if :: TICKET(x) > bound -> bound = TICKET(x) :: else fi
        :: else -> stale = 1
        fi;
        x = 0; q = 0 );
     if :: stale -> stale = 0; i = best; to = 2; goto read :: else fi
#endif
  fi;
look:
  atomic { found = 0; i = 0 };
  do
  :: i < NP && first[i] != 0 -> i++
  :: i < NP && first[i] == 0 -> to = 3; goto read;
looked:
     atomic { found = found || first[i] != 0; i++ }
  :: i >= NP -> i = 0; break
  od;
  if :: found || best != NONE -> goto smallest :: else fi;
#ifndef M_EMPTY1
  atomic { i = 0; same = 1 };                                   /* provenEmpty() */
  do
  :: i < NP ->
#ifdef M_EMPTYHEADS
     C( same = same && head[i] == hd[i]; i++ );
     if :: false -> skip;
proved: skip :: else fi
#else
     atomic { old = end[i]; to = 4 }; goto read;
proved:
     atomic { same = same && first[i] == 0 && end[i] == old; old = 0; i++ }
#endif
  :: else -> i = 0; break
  od;
  if :: !same -> goto smallest :: else fi;
#else
proved:
#endif
#endif
nothing:
  CHECK(EMPTY, wasEmpty[c]);
  CHECK(OVERLOOKED, (missed[c] & back) == 0);
  if :: over && pend == 0 && (claimed & (255 - done) & (255 - stuck)) == 0 -> goto ended :: else -> goto get fi;
take:
  /* the taking step */
  C( if
     :: CLAIM(best, at[best]) != was[best] -> lost = 1
     :: else ->
        FIND(m, best, at[best]);
#ifndef VOID
        CHECK(CLAIMED, m != 0 && !BEYOND(head[best], at[best]));
#endif
        if
#ifdef VOID
        :: m == 0                       /* memory that was used again, or given back: see below */
#endif
        :: m != 0 && ATTEMPTS(was[best], at[best]) == 0 ->
           CHECK(TWICE, pend & BIT(m)); CHECK(FIFO, (prec[m] & pend) == 0);
           pend = WITHOUT(pend, m); claimed = claimed | BIT(m); FORGOTTEN(m); EMPTIED
        :: m != 0 && ATTEMPTS(was[best], at[best]) != 0 ->
           CHECK(TWICE, claimed & BIT(m));
#ifndef EXPIRE
           CHECK(HELD, STATE(was[best], at[best]) == FREE || !alive[OWNER(was[best])])
#endif
        fi;
        if :: m != 0 -> NOTMISSED(m) :: else fi;
#ifdef M_NOATT
        was[best] = WORD(at[best], g, 1, TAKEN);
#else
        was[best] = WORD(at[best], g, ATTEMPTS(was[best], at[best]) + 1, TAKEN);
#endif
        CLAIM(best, at[best]) = was[best]
     fi );
#ifndef M_NOHEADCHECK
  if
  :: !lost ->                           /* a word can come round to zero: is the record still there? */
     C( if
        :: BEYOND(head[best], at[best]) -> lost = 1; m = 0
        :: else -> CHECK(CLAIMED, m != 0)
        fi )
  :: else
  fi;
#else
  CHECK(CLAIMED, lost || m != 0);
#endif
  if :: lost -> lost = 0; i = best; to = 5; goto read :: else fi;
#ifdef M_LOCKLATE
  C( lock[g] = 1 );
#endif
  C( copy = pay[SLOT(best, at[best])] );
#if SZ == 2
  if
  :: SIZE(first[best]) == 2 -> C( if :: word[SLOT(best, ADD(at[best], 1))] != JUNK -> copy = 0 :: else fi )
  :: else
  fi;
#endif
  atomic {
    w = was[best]; y = at[best];
    if :: y == cur[best] -> LISTED(list[best], y); cur[best] = ADD(y, SIZE(first[best])) :: else fi;
    i = best; to = 6 };
  goto read;
mine:
#ifdef M_NOMINE
  C( skip );
#else
  C( if :: CLAIM(best, y) != w -> lost = 1 :: else fi );
  if :: lost -> atomic { lost = 0; w = 0; y = 0; copy = 0; m = 0 }; goto choose :: else fi;
#endif
  atomic {
    CHECK(PAYLOAD, copy == m);                                  /* the caller has it */
    CHECK(TWICE, !(delivered[m] & (1 << ATTEMPTS(w, y))));
    delivered[m] = delivered[m] | (1 << ATTEMPTS(w, y)); copy = 0 };
  if
  :: skip;                                                      /* done() */
#ifdef M_BLIND
     C( CLAIM(best, y) = WORD(y, 0, ATTEMPTS(w, y), DONE); done = done | BIT(m); delivered[m] = 0 );
#else
     C( if :: CLAIM(best, y) == w -> CLAIM(best, y) = WORD(y, 0, ATTEMPTS(w, y), DONE); done = done | BIT(m);
       delivered[m] = 0
           :: else -> lost = 1 fi );
#endif
     if
     :: lost
     :: else -> atomic { m = 0; y = 0; w = 0 }; passDone(best)
     fi
#ifdef RELEASE
  :: ATTEMPTS(w, y) < MOST ->                                   /* release() */
#ifdef M_BLINDRELEASE
     C( CLAIM(best, y) = WORD(y, 0, ATTEMPTS(w, y), FREE); back = back | BIT(m); forgot = 1 )
#else
     C( if :: CLAIM(best, y) == w -> CLAIM(best, y) = WORD(y, 0, ATTEMPTS(w, y), FREE); back = back | BIT(m); forgot = 1
           :: else fi )
#endif
#endif
#ifdef HOLD
  :: stuck = stuck | BIT(m)
#endif
  fi;
#ifdef ONCE
  if :: c == 1 -> goto ended :: else fi;
#endif
  goto get;

read:          /* read(i): what was leased, while a round goes on; else from the cursor; else what was leased, again */
  headed = 0;
readLeased:
  atomic {
    do
    :: round[i] && BEYOND(cur[i], rnd[i]) && !ISLISTED(list[i], rnd[i]) -> rnd[i] = ADD(rnd[i], 1)
    :: else -> break
    od;
    q = rnd[i];
    if :: round[i] && !BEYOND(cur[i], q) -> round[i] = 0; rnd[i] = 0 :: else fi };
  if
  :: !round[i] && !headed -> goto walk
  :: !round[i] && headed ->             /* passHead() */
     atomic { q = 0; first[i] = 0; was[i] = 0; x = 0;
       if :: BEYOND(cur[i], hd[i]) && !ISLISTED(list[i], hd[i]) -> x = 1 :: else fi };
     if :: x -> x = 0; passDone(i) :: else fi;
     goto haveRead
  :: else
  fi;
  C( h = head[i] );
  hd[i] = h;
  if :: BEYOND(h, q) -> atomic { UNLISTED(list[i], q); rnd[i] = ADD(q, 1); h = 0 }; goto readLeased :: else fi;
  C( was[i] = CLAIM(i, q) );
  if
  :: STATE(was[i], q) == TAKEN ->       /* isAbandoned() */
     found2 = 0;
#ifdef EXPIRE
     if :: ATTEMPTS(was[i], q) < MOST -> found2 = 1 :: skip fi;
#endif
     C( if :: lock[OWNER(was[i])] == 0 -> found2 = 1 :: else fi );
     if :: !found2 -> atomic { was[i] = 0; h = 0; rnd[i] = ADD(q, 1) }; goto readLeased :: else -> found2 = 0 fi
  :: else
  fi;
  C( x = word[SLOT(i, q)] );
  if
  :: STATE(was[i], q) == DONE -> skip
  :: else -> C( if
        :: BEYOND(head[i], q) -> skip
        :: else -> CHECK(CORRUPTED, x != 0 && !ISJUMP(x)); at[i] = q; first[i] = x; PAST(i); stale = 1
        fi )
  fi;
  if
  :: stale -> atomic { stale = 0; x = 0; q = 0; h = 0 }; goto haveRead
  :: else -> atomic { UNLISTED(list[i], q); rnd[i] = ADD(q, 1); was[i] = 0; x = 0; h = 0 }; goto readLeased
  fi;
walk:
  C( h = head[i] );
  atomic {
    hd[i] = h; if :: BEYOND(h, cur[i]) -> cur[i] = h; list[i] = 0 :: else fi;
    h = cur[i]; q = h; x = 0; was[i] = 0; add = 0 };            /* h: where the walk starts */
step:
#ifdef M_CLAIMFIRST
  C( was[i] = CLAIM(i, q) );
#endif
  C( x = word[SLOT(i, q)] );
  if
  :: ISJUMP(x) && q == hd[i] -> C( if :: head[i] == q -> head[i] = TARGET(q, x) :: else fi ); goto walk
  :: ISJUMP(x) && q != hd[i] && DIFFERENCE(JUMPS(q), JUMPS(h), JUMPS_MOD) < CH - 1 -> q = TARGET(q, x); goto step
  :: ISJUMP(x) && q != hd[i] && DIFFERENCE(JUMPS(q), JUMPS(h), JUMPS_MOD) >= CH - 1 ->
     C( CHECK(CORRUPTED, BEYOND(head[i], h)) ); goto walk
  :: x == 0 -> was[i] = 0; goto walked
  :: !ISJUMP(x) && x != 0 && OFFSET(q) + SIZE(x) > SLOTS -> C( CHECK(CORRUPTED, BEYOND(head[i], h)) ); goto walk
  :: else
  fi;
#ifndef M_CLAIMFIRST
  C( was[i] = CLAIM(i, q) );
#endif
  if
  :: STATE(was[i], q) == FREE -> goto walked
  :: STATE(was[i], q) == TAKEN ->                               /* isAbandoned() */
#ifdef M_IMPATIENT
     goto walked
#else
#ifdef EXPIRE
     if :: ATTEMPTS(was[i], q) < MOST -> goto walked :: skip fi;
#endif
     C( if :: lock[OWNER(was[i])] == 0 -> goto walked :: else fi )
#endif
  :: STATE(was[i], q) == DONE && q == hd[i] -> passDone(i); goto walk
  :: else
  fi;
  atomic {
#ifndef M_NOLIST
    if :: STATE(was[i], q) == TAKEN -> LISTED(add, q) :: else fi;
#endif
    q = ADD(q, SIZE(x)); x = 0; was[i] = 0 };
  goto step;
walked:
#ifdef M_NOVAL
  atomic {
#else
  C( if :: BEYOND(head[i], h) -> goto walk :: else fi;
#endif
     at[i] = q; end[i] = q; cur[i] = q; first[i] = x; list[i] = list[i] | add; add = 0; PAST(i); x = 0; q = 0; h = 0
#ifdef M_NOVAL
  };
#else
  );
#endif
#ifndef M_CURSOREMPTY
  if
  :: first[i] == 0 && end[i] != hd[i] -> atomic { headed = 1; round[i] = 1; rnd[i] = hd[i] }; goto readLeased
  :: else
  fi;
#endif
haveRead:
  headed = 0;
  if
#if NP == 1
  :: to == 1 -> to = 0; goto only
#else
  :: to == 2 -> atomic { to = 0; i = 0 }; goto look
  :: to == 3 -> to = 0; goto looked
  :: to == 4 -> to = 0; goto proved
#endif
  :: to == 5 -> atomic { to = 0; i = 0 }; goto choose
  :: to == 6 -> atomic { to = 0; i = 0 }; goto mine
  fi;
#if KILLC > 0
killed:
  alive[g] = 0;
  atomic {                              /* later: the kernel */
    lock[g] = 0; HOLDS(back); FORGET; bound = 0; over = 0; forgot = 0; wasEmpty[c] = 0; missed[c] = 0; best = 0;
#ifndef M_REUSE
    g = 0;
#endif
    do :: i < NP -> hd[i] = 0; at[i] = 0; first[i] = 0; seen[i] = START; cur[i] = 0; end[i] = 0; was[i] = 0;
      list[i] = 0; rnd[i] = 0; round[i] = 0; i++
      :: else -> i = 0; break od };
  if :: goto attach :: MAYLEAVE fi;
#endif
ended:
  atomic {
    HOLDS(stuck); FORGET; bound = 0; over = 0; forgot = 0; wasEmpty[c] = 0; missed[c] = 0; best = 0; g = 0;
    do :: i < NP -> hd[i] = 0; at[i] = 0; first[i] = 0; seen[i] = START; cur[i] = 0; end[i] = 0; was[i] = 0;
      list[i] = 0; rnd[i] = 0; round[i] = 0; i++
      :: else -> i = 0; break od;
    consumers-- }
}

init {
  byte i;
  atomic {
    do :: i < NP -> run Producer(i); i++ :: else -> i = 0; break od;
    do :: i < NC -> run Consumer(i); i++ :: else -> i = 0; break od };
  consumers == 0;
  CHECK(LOST, pend == 0 && (claimed & (255 - done) & (255 - stuck)) == 0)
}

#ifdef FINISH
ltl finish { <> (consumers == 0) }
#endif
