/* lane.pml: what order.pml and leased.pml share: the words of the file, and those who put. */
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
#ifndef LN
#define LN (SZ + 2)
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

#define SLOT(lane, position) ((lane) * LN + (position) % LN)
#define HEADER(t, size) (2 * (t) + (size) - 1)
#define TICKET(w) ((w) / 2)
#define SIZE(w) (1 + (w) % 2)
#define PADDING 255
#define JUNK 2                          /* looks like a record of the first ticket */
#define NEXTLAP(position) (((position) / LN + 1) * LN)
#define BIT(m) (1 << ((m) - 1))
#define WITHOUT(set, m) ((set) & (255 - BIT(m)))
#define NONE 255

byte ticket = 1;
byte head[NP];
byte word[NP * LN];
byte pay[NP * LN];
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

#ifdef M_ROOM
#define ROOM(bytes) (head[p] + LN >= tail + (bytes))
#else
#define ROOM(bytes) (head[p] + LN >= tail + (bytes) + 1)   /* and for the zero header behind it */
#endif

inline raise() {                        /* Lanes.raiseLanesInUse(): the loop around the CAS is one step */
#ifdef GROW
  P( if :: lanes <= p -> lanes = p + 1 :: else fi )
#else
  skip
#endif
}

proctype Producer(byte p) {
  byte k, tail, mine, size; bit alone, draw;
#ifdef M_HEIR
  bit trust;
#endif
#if !defined(M_NLATE)
  raise();
#endif
again:
  do
  :: k == PUTS(p) -> break
  :: k < PUTS(p) ->
     size = 1;
#if SZ == 2
     if :: size = 2 :: skip fi;
     if
     :: tail % LN + size > LN ->        /* beginWrapped() */
        P( ROOM(LN - tail % LN + size) );
#ifdef M_PADZERO
        P( word[SLOT(p, tail)] = PADDING );
        P( word[SLOT(p, 0)] = 0; tail = NEXTLAP(tail) )
#else
        P( word[SLOT(p, 0)] = 0 );
        P( word[SLOT(p, tail)] = PADDING; tail = NEXTLAP(tail) )
#endif
     :: else -> P( ROOM(size) )
     fi;
#else
     P( ROOM(size) );                   /* a tryPut that says full, over and over, is one that waits here */
#endif
     /* ticket(); the put begins here, as late as can be */
     draw = !alone;
     if
     :: alone ->
#ifdef M_STALE
        P( prec[FIRST(p) + k] = pend; k++ )
#else
#ifdef M_HEIR
        P( prec[FIRST(p) + k] = pend; k++; draw = (ticket != mine + 1 && !trust); trust = 0 )
#else
        P( prec[FIRST(p) + k] = pend; k++; draw = (ticket != mine + 1) )
#endif
#endif
     :: else
     fi;
     if
     :: draw -> P( if :: !alone -> prec[FIRST(p) + k] = pend; k++ :: else fi;
                   alone = (ticket == mine + 1); mine = ticket; ticket++; draw = 0 )
     :: else
     fi;
     /* publish(); the put returns with the header, as early as can be */
#define PUBLISH word[SLOT(p, tail)] = HEADER(mine, size); pend = pend | BIT(FIRST(p) + k - 1); \
  place[FIRST(p) + k - 1] = tail
#ifdef M_TORN
     P( word[SLOT(p, tail + size)] = 0 );
     P( PUBLISH );
     P( pay[SLOT(p, tail)] = FIRST(p) + k - 1; tail = tail + size; size = 0 );
#else
     P( pay[SLOT(p, tail)] = FIRST(p) + k - 1 );
#if SZ == 2
     if :: size == 2 -> P( word[SLOT(p, tail + 1)] = JUNK ) :: else fi;
#endif
#ifdef M_PUBZERO
     P( PUBLISH );
     P( word[SLOT(p, tail + size)] = 0; tail = tail + size; size = 0 );
#else
     P( word[SLOT(p, tail + size)] = 0 );
     P( PUBLISH; tail = tail + size; size = 0 );
#endif
#endif
#ifdef M_NLATE
     raise()
#endif
  od;
  goto ended;
heir:
#ifdef M_HEIR
  atomic { tail = 0; size = 0; draw = 0; trust = 1 };
#else
  atomic { tail = 0; size = 0; draw = 0; mine = 0; alone = 0 };
#endif
  P( tail = head[p] );                  /* Lanes.tail() */
#ifndef M_ADOPT
  do
  :: P( if
        :: word[SLOT(p, tail)] == 0 -> break
        :: word[SLOT(p, tail)] == PADDING -> tail = NEXTLAP(tail)
        :: else -> tail = tail + SIZE(word[SLOT(p, tail)])
        fi )
  od;
#endif
#ifndef M_NHEIR
  raise();
#endif
  goto again;
ended:
  atomic { tail = 0; mine = 0; k = 0; size = 0; alone = 0; draw = 0; producers-- }
}
