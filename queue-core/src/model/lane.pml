/* lane.pml: what order.pml and leased.pml share: the words of the file, and those who put.
 *
 * A lane is a chain of chunks of CS slots. A position is jumps << 32 | offset in the file, jumps * SLOTS + offset here.
 * It comes round after JUMPS_MOD jumps, so positions and jump counts are compared by their circular difference only;
 * with ROUND the first jump makes the count zero. */
#ifndef NP
#define NP 2
#endif
#ifndef NC
#define NC 2
#endif
#ifndef K0
#define K0 2
#endif
#ifndef K1
#define K1 1
#endif
#ifndef K2
#define K2 1
#endif
#ifndef SZ
#define SZ 1
#endif
#ifndef CH
#define CH 2                            /* chunks of a lane, 4 at the most */
#endif
#ifndef CS
#define CS 2                            /* slots of a chunk: a record, and the header behind it */
#endif
#if NP == 3
#define PUTS(p) (p == 0 -> K0 : (p == 1 -> K1 : K2))
#define MESSAGES (K0 + K1 + K2)
#define FIRST(p) (p == 0 -> 1 : (p == 1 -> 1 + K0 : 1 + K0 + K1))
#elif NP == 2
#define PUTS(p) (p == 0 -> K0 : K1)
#define MESSAGES (K0 + K1)
#define FIRST(p) (p == 0 -> 1 : 1 + K0)
#else
#define PUTS(p) K0
#define MESSAGES K0
#define FIRST(p) 1
#endif

#define SLOTS (CH * CS)
#define JUMPS_MOD (256 / SLOTS)
#define MOD (JUMPS_MOD * SLOTS)
#define OFFSET(position) ((position) % SLOTS)
#define JUMPS(position) ((position) / SLOTS)
#define CHUNK(position) (OFFSET(position) / CS)
#define AT(jumps, chunk) (((jumps) % JUMPS_MOD) * SLOTS + (chunk) * CS)
#define ADD(position, slots) (((position) + (slots)) % MOD)
#ifdef M_ABSOLUTE
#define DIFFERENCE(a, b, mod) ((a) - (b) + ((a) < (b) -> mod : 0))
#define LATER(a, b, mod) ((a) > (b))
#else
#define DIFFERENCE(a, b, mod) (((a) + (mod) - (b)) % (mod))
#define LATER(a, b, mod) (DIFFERENCE(a, b, mod) != 0 && DIFFERENCE(a, b, mod) < (mod) / 2)
#endif
#define BEYOND(a, b) LATER(a, b, MOD)   /* of positions */
#ifdef ROUND
#define START AT(JUMPS_MOD - 1, 0)
#else
#define START 0
#endif

#define SLOT(lane, position) ((lane) * SLOTS + OFFSET(position))
#define HEADER(t, size) (2 * (t) + (size) - 1)
#define TICKET(w) ((w) / 2)
#define SIZE(w) (1 + (w) % 2)
#define JUMP(chunk) (240 + (chunk))
#define ISJUMP(w) ((w) >= 240)
#define TARGET(position, w) AT(JUMPS(position) + 1, (w) - 240)
#ifndef JUNK
#define JUNK 2                          /* the second half of a record looks like one of the first ticket */
#endif
#define BIT(m) (1 << ((m) - 1))
#define WITHOUT(set, m) ((set) & (255 - BIT(m)))
#define NONE 255

byte ticket = 1;
byte head[NP] = START;
byte word[NP * SLOTS];
byte pay[NP * SLOTS];
#ifdef LEASED
short claim[NP * SLOTS];
#endif
#ifdef GROW
byte lanes;
#define LANES lanes
#define LOOKLANES C( n = lanes )
#else
#define LANES NP
#define LOOKLANES n = NP
#endif

byte producers = NP, consumers = NC;    /* that have not ended */
byte pend;                              /* messages that were published and not taken */
byte prec[MESSAGES + 1];                /* of a put: messages whose put had returned when it began, not taken since */
byte place[MESSAGES + 1];               /* of a message: its position */
bit wasEmpty[NC];                       /* there was a moment without a message during this get */
#define CHECK(name, condition) assert(name || (condition))

#ifdef ONCE
#define MAYLEAVE (c == 1)               /* the other one has to take what is there */
#else
#define MAYLEAVE (consumers > 1)
#endif
#if KILLP > 0
byte killp = KILLP;
#define KILL_P :: atomic { killp > 0 -> killp--; goto heir }
#else
#define KILL_P
#endif
#if STOPP > 0
byte stopp = STOPP;
#define STOP_P :: atomic { stopp > 0 -> stopp--; goto ended }
#else
#define STOP_P
#endif
#if KILLC > 0
byte killc = KILLC;
#define KILL_C :: atomic { killc > 0 -> killc--; goto killed }
#else
#define KILL_C
#endif
#if STOPC > 0
byte stopc = STOPC;
#define STOP_C :: atomic { stopc > 0 && MAYLEAVE -> stopc--; goto ended }
#else
#define STOP_C
#endif
#define P(step) if :: atomic { step } KILL_P STOP_P fi
#define C(step) if :: atomic { step } KILL_C STOP_C fi

/* What the owner knows of a chunk: the jump count under which it was filled, or that it is free. Free it is when the
 * head's jump count has passed that one; of the chunks that the head stands in, those that end before it. */
#define UNUSED 255
#define CURRENT(c) (filled[c] == JUMPS(tail) && (c) >= CHUNK(tail))
#ifdef M_FREE
#define PASSEDBY(c) (!LATER(filled[c], JUMPS(head[p]), JUMPS_MOD))
#elif defined(M_FREEOFFSET)
#define PASSEDBY(c) ((c) != CHUNK(head[p]))
#elif defined(M_RUNPINNED)
#define PASSEDBY(c) LATER(JUMPS(head[p]), filled[c], JUMPS_MOD)
#else
#define PASSEDBY(c) (LATER(JUMPS(head[p]), filled[c], JUMPS_MOD) || \
                     (filled[c] == JUMPS(head[p]) && (c) < CHUNK(head[p])))
#endif
#define FREECHUNK(c) ((c) < CH && (filled[c] == UNUSED || (!CURRENT(c) && PASSEDBY(c))))
#ifdef M_ROOM
#define AND_END 0
#else
#define AND_END 1                       /* there must be room for the header behind it */
#endif
#ifdef M_BATCHROOM
#define TOTAL size
#else
#define TOTAL (size + more)
#endif
#define CHUNKS ((TOTAL + AND_END + CS - 1) / CS)
#define FITS (OFFSET(tail) + TOTAL + AND_END <= limit)
#define ROOM1 (FREECHUNK(0) || FREECHUNK(1) || FREECHUNK(2) || FREECHUNK(3))
#define ROOM2 ((FREECHUNK(0) && FREECHUNK(1)) || (FREECHUNK(1) && FREECHUNK(2)) || (FREECHUNK(2) && FREECHUNK(3)))
#define ROOM (CHUNKS == 1 -> ROOM1 : ROOM2)
#define FORGETFREE c = 0; do :: c < CH -> if :: FREECHUNK(c) -> filled[c] = UNUSED :: else fi; c++ \
   :: else -> c = 0; break od

inline raise() {                        /* Lanes.raiseLanesInUse(): the loop around the CAS is one step */
#ifdef GROW
  P( if :: lanes <= p -> lanes = p + 1 :: else fi )
#else
  skip
#endif
}

/* LaneSpace: gives free chunks back when it jumps, and at the end, when that may be any time later. Slot by slot, lease
 * words after the data. Which of them the code spares says nothing about the others. */
#ifdef M_PUNCHEARLY
#define PUNCHED(c) (filled[c] != UNUSED && !CURRENT(c) && !LATER(filled[c], JUMPS(head[p]), JUMPS_MOD))
#else
#define PUNCHED(c) (filled[c] == UNUSED)
#endif
#ifdef PUNCH
#define AT_WILL if :: c = 0 :: c = SLOTS fi
inline punch() {
  AT_WILL;
  do
  :: c >= SLOTS -> c = 0; break
  :: c < SLOTS ->
     if
     :: !PUNCHED(c / CS) -> c = c + CS
     :: PUNCHED(c / CS) ->
        if
        :: word[p * SLOTS + c] != 0 || pay[p * SLOTS + c] != 0 ->
           P( word[p * SLOTS + c] = 0; pay[p * SLOTS + c] = 0 )
        :: else
        fi;
#ifdef LEASED
        if :: claim[p * SLOTS + c] != 0 -> P( claim[p * SLOTS + c] = 0 ) :: else fi;
#endif
        c++
     fi
  od
}
#else
inline punch() { skip }
#endif

proctype Producer(byte p) {
  byte k, tail, mine, size, more, c, limit, filled[4]; bit alone, draw;
#ifdef M_HEIR
  bit trust;
#endif
  atomic {
    tail = START; limit = CS; filled[0] = JUMPS(START);
    filled[1] = UNUSED; filled[2] = UNUSED; filled[3] = UNUSED };
#if !defined(M_NLATE)
  raise();
#endif
again:
  do
  :: k == PUTS(p) -> break
#ifdef ABORT
  :: k < PUTS(p) || OFFSET(tail) + 1 + AND_END > limit ->       /* at the end, too, a claim that is not kept may jump */
#else
  :: k < PUTS(p) ->
#endif
     size = 1;
#if SZ == 2
     if :: size = 2 :: skip fi;
#endif
#ifdef BATCH
     if :: k + 2 <= PUTS(p) -> more = 1 :: skip fi;
#endif
     if
     :: !FITS ->                        /* jump; a tryPut that says full, over and over, is one that waits here */
        P( ROOM -> FORGETFREE );
        punch();
        do
        :: filled[c] == UNUSED && (CHUNKS == 1 || filled[c + 1] == UNUSED) -> break
        :: else -> c++
        od;
#ifdef M_JUMPZERO
        P( word[SLOT(p, tail)] = JUMP(c) );
        P( word[p * SLOTS + c * CS] = 0;
#else
        P( word[p * SLOTS + c * CS] = 0 );
        P( word[SLOT(p, tail)] = JUMP(c);
#endif
           tail = AT(JUMPS(tail) + 1, c); filled[c] = JUMPS(tail);
           if :: CHUNKS == 2 -> filled[c + 1] = JUMPS(tail) :: else fi;
           limit = (c + CHUNKS) * CS; c = 0 )
#ifdef ABORT
        ; if :: atomic { size = 0; more = 0 }; goto again :: k < PUTS(p) fi
#endif
     :: else
     fi;
     /* ticket(); the put begins here, as late as can be */
#define MINE (FIRST(p) + k - 1 - more)
#define BEGIN prec[FIRST(p) + k] = pend; k++; \
   if :: more != 0 -> prec[FIRST(p) + k] = pend | BIT(FIRST(p) + k - 1); k++ :: else fi
     draw = !alone;
     if
     :: alone ->
#ifdef M_STALE
        P( BEGIN )
#else
#ifdef M_HEIR
        P( BEGIN; draw = (ticket != mine + 1 && !trust); trust = 0 )
#else
        P( BEGIN; draw = (ticket != mine + 1) )
#endif
#endif
     :: else
     fi;
     if
     :: draw -> P( if :: !alone -> BEGIN :: else fi; alone = (ticket == mine + 1); mine = ticket; ticket++; draw = 0 )
     :: else
     fi;
     /* publish(); the put returns with the header, as early as can be */
#ifdef BATCH
#define BOTH if :: more != 0 -> pend = pend | BIT(MINE + 1); place[MINE + 1] = ADD(tail, size) :: else fi
#else
#define BOTH skip
#endif
#define PUBLISH word[SLOT(p, tail)] = HEADER(mine, size); pend = pend | BIT(MINE); place[MINE] = tail; BOTH
#define PUBLISHED tail = ADD(tail, size + more); size = 0; more = 0
#ifdef M_TORN
     P( word[SLOT(p, ADD(tail, size))] = 0 );
     P( PUBLISH );
     P( pay[SLOT(p, tail)] = MINE; PUBLISHED );
#else
     P( pay[SLOT(p, tail)] = MINE );
#if SZ == 2
     if :: size == 2 -> P( word[SLOT(p, ADD(tail, 1))] = JUNK ) :: else fi;
#endif
#ifdef M_BATCHFIRST
     P( PUBLISH );
#endif
#ifdef BATCH
     if
     :: more != 0 ->                    /* the others of a batch: records like this one, but nobody sees them yet */
        P( pay[SLOT(p, ADD(tail, size))] = MINE + 1 );
        P( word[SLOT(p, ADD(tail, size))] = HEADER(mine, 1) )
     :: else
     fi;
#endif
#ifdef M_PUBZERO
     P( PUBLISH );
     P( word[SLOT(p, ADD(tail, size + more))] = 0; PUBLISHED );
#elif defined(M_BATCHFIRST)
     P( word[SLOT(p, ADD(tail, size + more))] = 0; PUBLISHED );
#else
     P( word[SLOT(p, ADD(tail, size + more))] = 0 );
     P( PUBLISH; PUBLISHED );
#endif
#endif
#ifdef M_NLATE
     raise()
#endif
  od;
#ifdef PUNCH
  P( FORGETFREE );
  punch();                              /* closes */
#endif
  goto ended;
heir:
  atomic {
    tail = 0; size = 0; more = 0; draw = 0; c = 0; limit = 0;
    filled[0] = UNUSED; filled[1] = UNUSED; filled[2] = UNUSED; filled[3] = UNUSED;
#ifdef M_HEIR
    trust = 1
#else
    mine = 0; alone = 0
#endif
  };
  P( tail = head[p] );                  /* Lanes.tail(), and the chain */
#ifndef M_ADOPT
  do
  :: P(
#ifndef M_HEIRCHAIN
        filled[CHUNK(tail)] = JUMPS(tail);
#endif
        if
        :: word[SLOT(p, tail)] == 0 -> break
        :: ISJUMP(word[SLOT(p, tail)]) -> tail = TARGET(tail, word[SLOT(p, tail)])
        :: else -> tail = ADD(tail, SIZE(word[SLOT(p, tail)]))
        fi )
  od;
#endif
  atomic { filled[CHUNK(tail)] = JUMPS(tail); limit = (CHUNK(tail) + 1) * CS };
#ifndef M_NHEIR
  raise();
#endif
  goto again;
ended:
  atomic {
    tail = 0; mine = 0; k = 0; size = 0; more = 0; alone = 0; draw = 0; c = 0; limit = 0;
    filled[0] = 0; filled[1] = 0; filled[2] = 0; filled[3] = 0; producers-- }
}
