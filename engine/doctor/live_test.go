package doctor

import (
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine"
)

func TestCheck_live(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		damage func(w ward)
		want   Finding
		says   string
	}{
		"nothing to wait for": {
			func(w ward) { w.task(id(waiting), "a", func(s *engine.TaskState) { s.Status = engine.TaskIdle }) },
			job(Live, id(waiting)), "workflow_start is complete",
		},
		"a timer that is not set": {
			func(w ward) { w.amend(id(delayed), func(j *engine.Job, _ *engine.Machine) { j.Timers = nil }) },
			job(Live, id(delayed)), `Task "a" waits for a timer`,
		},
		"work in a job that is over": {
			func(w ward) { w.task(id(canceled), "b", func(s *engine.TaskState) { s.Status = engine.TaskRunning }) },
			job(Over, id(canceled)), `canceled, but task "b" is running`,
		},
		"a timer of a job that is over": {
			func(w ward) {
				w.amend(id(joined), func(j *engine.Job, _ *engine.Machine) { j.Timers = []engine.Timer{{Kind: engine.TimerSLA, Due: 1}} })
			},
			job(Left, id(joined)), `of kind "sla"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := admit(t)
			tc.damage(w)
			w.treat(tc.want)
			for _, f := range examined(t, w.Store, Options{}).Findings {
				if tc.want.like(f) && strings.Contains(f.Text, tc.says) {
					return
				}
			}
			t.Errorf("no finding says %q", tc.says)
		})
	}
}
