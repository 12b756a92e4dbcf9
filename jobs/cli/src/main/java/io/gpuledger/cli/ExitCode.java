package io.gpuledger.cli;

/** The exit codes of the public contract. */
final class ExitCode {
    static final int DONE = 0;
    static final int FINDINGS = 1;
    static final int WRONG_USAGE = 2;
    static final int UNREACHABLE = 3;

    private ExitCode() {}
}
