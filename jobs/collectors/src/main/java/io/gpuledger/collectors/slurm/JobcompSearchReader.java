package io.gpuledger.collectors.slurm;

import io.gpuledger.collectors.file.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/** The answer of an Elasticsearch search over job completion records. */
final class JobcompSearchReader implements FormatReader {
    @Override
    public void read(InputStream in, Pass pass) throws IOException, InputException {
        boolean complete =
                JsonAnswer.read(
                        in,
                        pass,
                        List.of("hits", "hits"),
                        (hit, position) ->
                                JobcompReader.document(hit.path("_source"), null, position, pass));
        if (!complete) {
            throw new InputException(
                    pass.path(), "has no list of hits; give the whole answer of the search");
        }
    }
}
