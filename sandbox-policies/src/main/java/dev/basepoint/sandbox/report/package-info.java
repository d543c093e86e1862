/** What {@code vmm-launch sandbox show}, {@code explain} and {@code check} say about a policy. */
package dev.basepoint.sandbox.report;
