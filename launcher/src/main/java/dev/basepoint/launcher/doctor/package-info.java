/**
 * What this host offers: each feature that the product needs or profits from, tried where trying is
 * harmless, with a verdict and what to do about a lack.
 */
package dev.basepoint.launcher.doctor;
