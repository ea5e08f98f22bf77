/* shutdown.pml: a queue is shut down while producers put and a consumer gets. The process that shuts down may be killed
 * between its two steps.
 *
 * Each access to a shared word is a step. A look at all lanes is one step: that an empty look can be trusted is shown
 * by order.pml. All accesses here are by locked instructions, or read: sequential consistency is theirs.
 *
 *   word here          in the file
 *   ticket             the ticket counter
 *   shut               shutDown
 *   put[lane]          how many messages are published in the lane
 *
 *   here               in the code
 *   Producer           LaneWriter.putAtOnce(), begin(), ticket(); Producer.checkUsable()
 *   ShutDown           EndOfStream.shutDown(); tell is QueueFile.isShutDown()
 *   Consumer           Consumer.begin(), checked(); EndOfStream.checkEmpty()
 *
 * Options, with their defaults: producers NP=2, each puts PUTS=3 times.
 *
 * Checked: LATE (a put that begins after the shut-down has returned, or after a put or a get was told of it, fails),
 * MISSED (a consumer that says that nothing is left has got all whose put returned before the shut-down began). */
#ifndef NP
#define NP 2
#endif
#ifndef PUTS
#define PUTS 3
#endif

byte ticket = 1;
bit shut;
byte put[NP];
byte got;
bit down;                               /* the shut-down has returned, or a process was told of it */
bit begun;                              /* it has begun */
byte before;                            /* puts that returned before it began */
hidden byte LATE;
hidden byte MISSED;
#define CHECK(name, condition) assert(name || (condition))

#if NP > 1
#define ALL (put[0] + put[1])
#else
#define ALL put[0]
#endif

inline tell() {
#ifndef M_NOTELL
  ticket++;
#endif
  down = 1
}

proctype Producer(byte me) {
  byte next, drawn, i;
  bit uncontended, late;
  do
  :: i < PUTS ->
     i++;
     late = down;
     if
     :: uncontended && ticket == next -> skip                   /* putAtOnce() */
     :: else ->
        if
        :: shut -> tell(); break
        :: else -> skip
        fi;
        if
        :: uncontended && ticket == next -> skip                /* ticket() */
        :: else ->
           atomic { drawn = ticket; ticket++ };
#ifdef M_ANYTICKET
           uncontended = 1;
#else
           uncontended = (drawn == next);
#endif
           next = drawn + 1
        fi
     fi;
     put[me]++;
     CHECK(LATE, !late);
     atomic { if :: !begun -> before++ :: else -> skip fi }
  :: else -> break
  od
}

proctype ShutDown() {
  begun = 1;
#ifdef M_DRAWFIRST
  ticket++;
  shut = 1;
#else
  shut = 1;
  if
  :: goto killed
  :: skip
  fi;
#ifndef M_NODRAW
  ticket++;
#endif
#endif
  down = 1;
killed: skip
}

proctype Consumer() {
  do
  :: atomic { got < ALL -> got++ }
  :: got == ALL ->
     if
     :: shut ->
#ifndef M_ONELOOK
        if
        :: got < ALL -> goto again
        :: got == ALL -> skip
        fi;
#endif
        CHECK(MISSED, got >= before);
        tell();
        break
     :: else -> skip
     fi;
again: skip
  od
}

init {
  atomic {
    run Producer(0);
#if NP > 1
    run Producer(1);
#endif
    run ShutDown();
    run Consumer()
  }
}
