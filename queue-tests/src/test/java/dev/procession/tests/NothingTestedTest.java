package dev.procession.tests;

import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A run of a command that has tested nothing has not passed.
class NothingTestedTest {
    @ParameterizedTest
    @ValueSource(strings = {
        "fuzz --seconds 0", "fuzz --live --seconds -1", "fuzz --round -1", "stress --seconds 0",
        "stress --points --role NOBODY", "verify-model --only NoModel"
    })
    void aCommandThatIsToDoNothingFails(String command) throws Exception {
        var printed = Printed.by(() -> Main.run(command.split(" ")));
        String text = printed.stdout() + printed.stderr();
        assertNotEquals(0, printed.status(), text);
        String last = command.split(" ")[command.split(" ").length - 1];
        assertTrue(text.contains(last), text);
        assertTrue(!text.contains("\tat "), text);
    }

    @Tag("long") // it looks for the steps of all roles first
    @Test
    void pointsThatNobodyMakesFail() throws Exception {
        aCommandThatIsToDoNothingFails("stress --points --only NoClass.noMethod");
    }
}
