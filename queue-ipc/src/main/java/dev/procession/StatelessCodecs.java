package dev.procession;

import org.jspecify.annotations.Nullable;

/// The codecs that are known by their names alone: they depend on no class of the application.
final class StatelessCodecs {
    private StatelessCodecs() {}

    static boolean contain(Codec<?> codec) {
        return codec.equals(named(codec.name()));
    }

    static @Nullable Codec<?> named(String name) {
        return switch (name) {
            case "bytes" -> Codec.bytes();
            case "utf8" -> Codec.utf8();
            case "int32" -> Codec.int32();
            case "int64" -> Codec.int64();
            case "float64" -> Codec.float64();
            default -> null;
        };
    }
}
