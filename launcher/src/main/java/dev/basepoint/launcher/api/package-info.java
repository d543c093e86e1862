/** What the daemon and its clients say to each other, and the client. */
package dev.basepoint.launcher.api;
