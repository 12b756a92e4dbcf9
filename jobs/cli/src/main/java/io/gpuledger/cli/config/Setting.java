package io.gpuledger.cli.config;

/**
 * What somebody wrote for a key.
 *
 * @param text as written
 * @param origin where, for people: an option, a variable, or a file with its line
 * @param subject how a message about the value begins
 */
record Setting(String text, String origin, String subject) {}
