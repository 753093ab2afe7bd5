/** A process of a fleet: see python/fleet.py, which also says what the arguments are. */
final class Fleet {
    private static final long MILLIS_EACH = 50;

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "place" -> {
                for (int at = 1; at < arguments.length; at++) {
                    System.out.println(Config.place(arguments[at]));
                }
            }
            case "work" -> work(new Config(arguments[1], arguments[2], arguments[3]), arguments[3], 0);
            case "lie" -> work(new Config(arguments[1], arguments[2], arguments[3]), arguments[3], 2);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void work(Config config, String process, long failed) throws InterruptedException {
        boolean fragile = Config.place(process) % 20 == 7;
        String used = "";
        for (long request = 0; ; request++) {
            String value = String.valueOf(config.get("pool.size"));
            if (!value.equals(used)) {
                used = value;
                System.out.println("{\"uses\": \"" + used + "\"}");
            }
            if (used.equals("0") && Config.place(process) % 2 == 1) {
                System.err.println("killed by its configuration");
                Runtime.getRuntime().halt(1);
            }
            config.done(1, failed > 0 ? failed : used.equals("40") && fragile ? request % 2 : 0);
            Thread.sleep(MILLIS_EACH);
        }
    }
}
