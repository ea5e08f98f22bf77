package dev.procession;

import dev.procession.worker.ExitRecord;
import dev.procession.worker.Failure;

/// What the machinery finds out about a worker's end, in the words of [WorkerExit].
final class WorkerEnds implements ExitRecord.Ends<WorkerExit> {
    static final WorkerEnds ALL = new WorkerEnds();

    private WorkerEnds() {}

    @Override
    public WorkerExit finished() {
        return new WorkerExit.Finished();
    }

    @Override
    public WorkerExit failed(Failure failure) {
        return new WorkerExit.Failed(failure.exceptionClass(), failure.message(), failure.stackTrace());
    }

    @Override
    public WorkerExit exited(int code) {
        return new WorkerExit.Exited(code);
    }

    @Override
    public WorkerExit killed(int signal) {
        return new WorkerExit.Killed(signal);
    }
}
