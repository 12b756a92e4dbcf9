package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.InputException;
import java.io.IOException;
import java.io.InputStream;

/** Reads the content of one format. */
interface FormatReader {
    void read(InputStream in, Pass pass) throws IOException, InputException;
}
