package dev.procession.classes;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import org.jspecify.annotations.Nullable;

/// A resource of the parent process that is no file and in no jar file: its content comes when it is opened.
final class ParentResource extends URLStreamHandler {
    private final ParentClassLoader loader;
    private final String name;
    private final int index;

    ParentResource(ParentClassLoader loader, String name, int index) {
        this.loader = loader;
        this.name = name;
        this.index = index;
    }

    @Override
    protected URLConnection openConnection(URL url) {
        return new Connection(url);
    }

    private final class Connection extends URLConnection {
        private byte @Nullable [] content;

        Connection(URL url) {
            super(url);
        }

        @Override
        public void connect() throws IOException {
            if (content == null) {
                content = loader.content(name, index);
                connected = true;
            }
        }

        @Override
        public InputStream getInputStream() throws IOException {
            connect();
            return new ByteArrayInputStream(content == null ? new byte[0] : content);
        }

        @Override
        public long getContentLengthLong() {
            try {
                connect();
            } catch (IOException e) {
                return -1;
            }
            return content == null ? -1 : content.length;
        }
    }
}
