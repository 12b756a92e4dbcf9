package io.gpuledger.statements.report;

import java.time.LocalDate;

/** What the slots of a cluster did on a day. */
record CapacityDetail(LocalDate day, String cluster, String bucket, long gpuMs, long slots) {}
