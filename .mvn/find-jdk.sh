# shellcheck shell=sh
# Sourced by mvnw and procession (POSIX sh): find_jdk sets JAVA_HOME to a JDK 25 or newer, or says what is missing.
# It starts no process but for a link to resolve, so that it costs a millisecond or two.

# Sets jdk_feature to the feature version (25 for 25.0.3) of the JDK in folder $1; to 0 if there is none.
jdk_feature_of() {
    jdk_feature=0
    [ -x "$1/bin/java" ] && [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 0
    while IFS='=' read -r jdk_key jdk_value; do
        if [ "$jdk_key" = JAVA_VERSION ]; then
            jdk_value=${jdk_value#\"}
            jdk_feature=${jdk_value%%[!0-9]*}
            jdk_feature=${jdk_feature:-0}
            return 0
        fi
    done <"$1/release"
}

# Adds jdk_home, which will not do, to what is told if nothing better turns up.
jdk_note() {
    jdk_what="JDK $jdk_feature"
    if [ "$jdk_feature" -eq 0 ]; then jdk_what="no JDK"; fi
    case $jdk_seen in
        *" $jdk_home ("*) ;;
        *)
            jdk_seen="$jdk_seen
    $jdk_home ($jdk_what)"
            ;;
    esac
}

# What the user chose (JAVA_HOME, then java on the PATH) goes first. Of the rest the oldest that is new enough: it is
# the nearest to what we test with.
find_jdk() {
    jdk_seen=
    jdk_on_path=$(command -v java || :)
    if [ -n "$jdk_on_path" ]; then
        jdk_on_path=$(readlink -f "$jdk_on_path" || :)
        jdk_on_path=${jdk_on_path%/bin/java}
    fi
    for jdk_home in "${JAVA_HOME:-}" "$jdk_on_path"; do
        [ -n "$jdk_home" ] || continue
        jdk_feature_of "$jdk_home"
        if [ "$jdk_feature" -ge 25 ]; then
            JAVA_HOME=$jdk_home
            export JAVA_HOME
            return 0
        fi
        jdk_note
    done

    jdk_best=0
    for jdk_home in /usr/lib/jvm/* /usr/lib64/jvm/* /usr/java/* /opt/* /opt/java/* /usr/local/*jdk* \
        "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/* "$HOME"/.asdf/installs/java/* \
        "$HOME"/.local/share/mise/installs/java/* \
        /Library/Java/JavaVirtualMachines/*/Contents/Home "$HOME"/Library/Java/JavaVirtualMachines/*/Contents/Home \
        /opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home; do
        jdk_feature_of "$jdk_home"
        if [ "$jdk_feature" -ge 25 ] && { [ "$jdk_best" -eq 0 ] || [ "$jdk_feature" -lt "$jdk_best" ]; }; then
            jdk_best=$jdk_feature
            JAVA_HOME=$jdk_home
        elif [ "$jdk_feature" -gt 0 ] && [ ! -h "$jdk_home" ]; then
            jdk_note
        fi
    done
    if [ "$jdk_best" -gt 0 ]; then
        jdk_feature=$jdk_best
        export JAVA_HOME
        return 0
    fi

    echo "${0##*/}: no JDK 25 or newer found. Install one (a JDK, not a JRE), or set JAVA_HOME to its folder." >&2
    echo "  Looked at JAVA_HOME, java on the PATH, /usr/lib/jvm, /opt, ~/.sdkman, ~/.jdks and the like." >&2
    if [ -n "$jdk_seen" ]; then echo "  There were only:$jdk_seen" >&2; fi
    return 1
}
