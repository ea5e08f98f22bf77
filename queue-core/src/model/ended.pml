/* ended.pml: producers come and go, hand over to each other, and are killed, while a consumer asks whether all are
 * gone.
 *
 * Each access to a shared word or lock is a step. A look at all lanes' messages is one step: that an empty look can be
 * trusted is shown by order.pml. All accesses here are by locked instructions, system calls, or read: sequential
 * consistency is theirs.
 *
 *   word here          in the file
 *   owned[lane]        the lock of the lane
 *   come               producersCome
 *   put                how many messages are published
 *
 *   here               in the code
 *   Producer           Participants.tryNewProducer(), LaneWriter's constructor, a put, Producer.close(); or a kill
 *   Consumer           EndOfStream.checkEmpty(), Participants.areProducersGone()
 *
 * Options, with their defaults: producers NP=4, lanes NL=2, MIN=1 of them have to come.
 *
 * Checked: EARLY (a consumer that says that all producers are gone has seen a moment, during its call, in which so many
 * had come and none was attached), MISSED (it has got all that was put before that moment). */
#ifndef NP
#define NP 4
#endif
#ifndef NL
#define NL 2
#endif
#ifndef MIN
#define MIN 1
#endif

bit owned[NL];
byte come;
byte put;
byte got;
byte attached;                          /* how many are, from their count to their end */
byte all;                               /* how many were */
bit gone;                               /* there was a moment without any, in this call */
byte owed;                              /* what was put before it */
hidden byte EARLY;
hidden byte MISSED;
#define CHECK(name, condition) assert(name || (condition))

#define NOTICE \
  if \
  :: attached == 0 && all >= MIN && !gone -> gone = 1; owed = put \
  :: else -> skip \
  fi

proctype Producer() {
  byte lane;
  do
  :: atomic { lane < NL && !owned[lane] -> owned[lane] = 1; break }
  :: atomic { lane < NL && owned[lane] -> lane++ }
  :: lane == NL -> lane = 0             /* it waits for one */
  od;
  if
  :: goto killed                        /* while it attaches */
  :: skip
  fi;
#ifdef M_COUNTLATE
  atomic { attached++; all++ };
  if
  :: atomic { attached--; owned[lane] = 0; NOTICE; goto end }
  :: skip
  fi;
  come++;
#else
  atomic { come++; attached++; all++ };
#endif
  if
  :: put++
  :: skip
  fi;
  atomic { attached--; owned[lane] = 0; NOTICE };       /* it closes, or is killed */
  goto end;
killed:
  owned[lane] = 0;
end: skip
}

proctype Consumer() {
  byte before, lane;
again:
  atomic { gone = 0; owed = 0; NOTICE };
  if
  :: atomic { got < put -> got++; goto again }
  :: got == put -> skip
  fi;
  before = come;
  if
  :: before < MIN -> goto again
  :: else -> skip
  fi;
  lane = 0;
  do
  :: lane < NL && owned[lane] -> goto again
  :: lane < NL && !owned[lane] -> lane++
  :: lane == NL -> break
  od;
#ifndef M_NOCOUNT
  if
  :: come != before -> goto again
  :: else -> skip
  fi;
#endif
#ifndef M_ONELOOK
  if
  :: got < put -> goto again
  :: else -> skip
  fi;
#endif
  CHECK(EARLY, gone);
  CHECK(MISSED, got >= owed)
}

init {
  atomic {
    byte i;
    do
    :: i < NP -> run Producer(); i++
    :: else -> break
    od;
    run Consumer()
  }
}
