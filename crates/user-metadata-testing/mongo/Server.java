import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import java.util.List;

/** Serves a data file on a port: the library's own program has no arguments for them. */
public class Server {
    public static void main(String[] arguments) {
        int port = Integer.parseInt(arguments[0]);
        MongoBackend backend = new H2Backend(arguments[1]).version(new Version());
        MongoServer server = new MongoServer(backend);
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind("127.0.0.1", port);
    }

    /** Current drivers refuse what the library calls 5.0, to which it gives the protocol version of 4.2. */
    private static class Version implements MongoVersion {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(5, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 13;
        }
    }
}
