/**
 * What a command line may say, as data: commands, options and parameters. Parsing, help and shell
 * completion are made from it. There are libraries for this; the common one costs 0.2 s of every
 * start, more than everything else that the launcher does, and cannot be put into the JVM's
 * ahead-of-time cache.
 */
package dev.basepoint.launcher.cli.syntax;
