package io.gpuledger.statements.report;

/** What GPUs of a cluster took in an hour. */
record HourEnergy(String cluster, long hourMs, long energyMj) {}
