// Package schedule computes when a schedule is due: at one moment, at intervals, by the
// calendar, or by a cron expression, in a time zone and around holidays. It is pure
// arithmetic: the same schedule and moment always give the same answer, on every server.
//
// Local times that a time zone skips or doubles follow one rule. A fixed local time that is
// skipped counts at the moment the clocks jump; one that comes twice counts the first time. A
// cron expression whose hour begins with "*" follows the real time that passes: it is due in
// both halves of a doubled hour, and a skipped hour simply does not exist. Intervals know no
// local time.
package schedule
