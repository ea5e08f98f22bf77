package dev.procession.core.os;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Settings that the core reads.
class OsTest {
    private static final String PROPERTY = "dev.procession.test";

    private final List<String> warnings = new ArrayList<>();
    private final Logger logger = Logger.getLogger("dev.procession.core");
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord record) {
            warnings.add(record.getMessage());
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    @BeforeEach
    void listen() {
        logger.addHandler(handler);
        logger.setUseParentHandlers(false);
    }

    @AfterEach
    void stop() {
        logger.removeHandler(handler);
        logger.setUseParentHandlers(true);
        System.clearProperty(PROPERTY);
    }

    @Test
    void aValueThatASettingDoesNotHaveIsTold() {
        assertFalse(Os.isSetTo(PROPERTY, "yes", "no"));
        System.setProperty(PROPERTY, "yes");
        assertTrue(Os.isSetTo(PROPERTY, "yes", "no"));
        System.setProperty(PROPERTY, "no");
        assertFalse(Os.isSetTo(PROPERTY, "yes", "no"));
        assertEquals(List.of(), warnings);
        System.setProperty(PROPERTY, "maybe");
        assertFalse(Os.isSetTo(PROPERTY, "yes", "no"));
        assertEquals(List.of("-D" + PROPERTY + "=maybe has no effect; the values are yes and no"), warnings);
    }
}
