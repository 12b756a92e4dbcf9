package io.gpuledger.statements.report;

import com.openhtmltopdf.outputdevice.helper.BaseRendererBuilder.FontStyle;
import com.openhtmltopdf.pdfboxout.PdfRendererBuilder;
import com.openhtmltopdf.svgsupport.BatikSVGDrawer;
import com.openhtmltopdf.util.XRLog;
import io.pebbletemplates.pebble.PebbleEngine;
import io.pebbletemplates.pebble.loader.ClasspathLoader;
import io.pebbletemplates.pebble.template.PebbleTemplate;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.Map;

/** One template as a page and as print. */
final class Printer {
    private static final String FONT = "Liberation Sans";

    private final PebbleTemplate template;

    Printer(String name) {
        XRLog.setLoggingEnabled(false); // it tells every style that print does not know
        ClasspathLoader loader = new ClasspathLoader();
        loader.setPrefix("report");
        template =
                new PebbleEngine.Builder()
                        .loader(loader)
                        .strictVariables(true)
                        .build()
                        .getTemplate(name);
    }

    /** A page that needs nothing but itself. */
    String html(Map<String, Object> model) {
        StringWriter out = new StringWriter();
        try {
            template.evaluate(out, new HashMap<>(model));
        } catch (IOException e) {
            throw new UncheckedIOException("writing a report into memory", e);
        }
        return out.toString();
    }

    /** A4, fonts embedded. */
    byte[] pdf(String html) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PdfRendererBuilder builder = new PdfRendererBuilder();
        builder.useFastMode();
        builder.useSVGDrawer(new BatikSVGDrawer());
        builder.useFont(() -> font("Regular"), FONT, 400, FontStyle.NORMAL, true);
        builder.useFont(() -> font("Bold"), FONT, 700, FontStyle.NORMAL, true);
        builder.withProducer("GPU Ledger");
        builder.withHtmlContent(html, null);
        builder.toStream(out);
        builder.run();
        return out.toByteArray();
    }

    private static InputStream font(String style) {
        InputStream in =
                Printer.class.getResourceAsStream("/liberation/LiberationSans-" + style + ".ttf");
        if (in == null) {
            throw new IllegalStateException("font " + style + " is not packaged");
        }
        return in;
    }
}
