package io.gpuledger.core.enforcement;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Compares what should be with what is. An association that nothing was ever done to and nothing
 * has to be done to is not touched, whatever its limits are.
 */
public final class Reconciler {
    private Reconciler() {}

    /**
     * The changes that make it so; none when it is so.
     *
     * @param actual limits of every association that the scheduler has
     * @param marks what was done before, by association
     */
    public static List<Change> changes(
            EnforcementPlan plan, Map<Association, Limits> actual, Map<Association, Mark> marks) {
        SortedSet<Association> all = new TreeSet<>(plan.desired().keySet());
        // No mapping names it any more: what was done to it is taken back.
        all.addAll(marks.keySet());
        List<Change> changes = new ArrayList<>();
        for (Association association : all) {
            Limits is = actual.get(association);
            if (is == null) {
                continue; // the scheduler does not have it: there is nobody to limit
            }
            Desired desired =
                    plan.desired()
                            .getOrDefault(
                                    association, new Desired(association, Measure.NONE, "", 0));
            Mark mark = marks.get(association);
            Measure was = mark == null ? Measure.NONE : mark.measure();
            boolean certain = mark == null || mark.certain();
            if (certain && was == Measure.NONE && desired.measure() == Measure.NONE) {
                continue;
            }
            Limits original =
                    mark == null || (certain && was == Measure.NONE) ? is : mark.original();
            // Where nobody knows how far it came, the strictest of before may still be set.
            Measure set = certain ? was : Measure.DRAIN;
            Limits should =
                    desired.measure() == Measure.NONE
                            ? released(is, original, set)
                            : desired.measure().over(original);
            boolean drift = certain && was == desired.measure() && !is.equals(should);
            if (!certain || was != desired.measure() || drift) {
                changes.add(new Change(desired, is, should, original, drift));
            }
        }
        return changes;
    }

    /** What somebody set in the meantime stays as he set it. */
    private static Limits released(Limits is, Limits original, Measure was) {
        Limits set = was.over(original);
        return new Limits(
                is.gpus() == set.gpus() ? original.gpus() : is.gpus(),
                is.submitted() == set.submitted() ? original.submitted() : is.submitted());
    }
}
