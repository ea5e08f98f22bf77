package dev.procession.cli;

import dev.procession.examples.HelloProcesses;
import dev.procession.examples.HelloThreads;
import dev.procession.examples.LeasedJobs;
import dev.procession.examples.PipelineOfPrimes;
import dev.procession.examples.PoolOfPrimes;
import dev.procession.examples.SameExecutorCode;
import dev.procession.examples.SharedQueueOfPids;
import dev.procession.examples.UnsharedList;
import picocli.CommandLine.Command;

@Command(
        name = "example",
        mixinStandardHelpOptions = true,
        description = "Runs one of eight small programs; each is a source file of a screen's length.")
final class Example {

    @Command(name = "hello-threads", mixinStandardHelpOptions = true, description = "Ten threads say hello.")
    void helloThreads() throws Exception {
        HelloThreads.main();
    }

    @Command(name = "hello-processes", mixinStandardHelpOptions = true, description = "Ten processes say hello.")
    void helloProcesses() throws Exception {
        HelloProcesses.main();
    }

    @Command(
            name = "unshared-list",
            mixinStandardHelpOptions = true,
            description = "Ten processes add their ids to a list, and it stays empty.")
    void unsharedList() throws Exception {
        UnsharedList.main();
    }

    @Command(
            name = "shared-queue",
            mixinStandardHelpOptions = true,
            description = "Ten processes put their ids on a queue, and all ten arrive.")
    void sharedQueue() throws Exception {
        SharedQueueOfPids.main();
    }

    @Command(
            name = "pool",
            mixinStandardHelpOptions = true,
            description = "Workers on every core count primes; one of them is killed in the middle.")
    void pool() {
        PoolOfPrimes.main();
    }

    @Command(
            name = "executor",
            mixinStandardHelpOptions = true,
            description = "The same code with an executor of threads and one of processes.")
    void executor() throws Exception {
        SameExecutorCode.main();
    }

    @Command(
            name = "pipeline",
            mixinStandardHelpOptions = true,
            description = "Three stages of workers; each ends when the one before it is gone.")
    void pipeline() throws Exception {
        PipelineOfPrimes.main();
    }

    @Command(
            name = "jobs",
            mixinStandardHelpOptions = true,
            description = "Ten leased jobs; one kills its worker, one always fails.")
    void jobs() throws Exception {
        LeasedJobs.main();
    }
}
