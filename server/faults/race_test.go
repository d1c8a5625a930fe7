//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// together makes calls at the same moment and returns their answers in order.
func (s *server) together(t *testing.T, calls ...[2]string) []reply {
	t.Helper()
	out := make([]reply, len(calls))
	errs := make([]error, len(calls))
	gate := make(chan struct{})
	var g sync.WaitGroup
	for i, c := range calls {
		g.Go(func() {
			<-gate
			out[i], errs[i] = s.send(http.MethodPost, c[0], c[1])
		})
	}
	close(gate)
	g.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("POST %s: %v", calls[i][0], err)
		}
	}
	return out
}

// won counts the calls that succeeded; a loser is told so with 404, 409 or, where existing
// clients want it, 500 with the reason by job.
func won(t *testing.T, replies []reply) (n int) {
	t.Helper()
	for _, r := range replies {
		switch {
		case r.status == http.StatusOK:
			n++
		case r.status == http.StatusConflict, r.status == http.StatusNotFound:
		case r.status == http.StatusInternalServerError && r.body.Get("message").Text() == "Failed to cancel all jobs":
		default:
			t.Errorf("a loser is told %s", r)
		}
	}
	return n
}

// TestFT38_operatorRaces has operators act at once on one job. The outcome is one that the
// acts have in some order, and whoever came too late is told so.
func TestFT38_operatorRaces(t *testing.T) {
	notShort(t)
	s := serve(t)
	s.install(workflowtest.Draw("Ask", "start>a1 a1>b1 a1:failure>c1 b1>end c1>end", workflowtest.Person("a1"),
		workflowtest.Operation("b1", "newVariable", `{"name":"answer","value":"success"}`, `{"value":null}`),
		workflowtest.Operation("c1", "newVariable", `{"name":"answer","value":"failure"}`, `{"value":null}`)))
	s.install(workflowtest.Draw("Fail", "start>a1 a1>end", workflowtest.Adapter("a1", "Lab", "fail", `{"adapter_id":"lab"}`, "")))
	ask := func() string { return s.begin("Ask", value.Object()) }
	fail := func() string {
		id := s.begin("Fail", value.Object())
		waitFor(t, 10*time.Second, func() (bool, string) { return s.job(id).Get("status").Text() == "error", "the job does not fail" })
		return id
	}
	finish := func(id, state string) [2]string {
		return [2]string{jobs + "/" + id + "/tasks/a1/finish", fmt.Sprintf(`{"taskData":{"finish_state":%q,"variables":{}}}`, state)}
	}
	several := func(id, verb string) [2]string {
		return [2]string{jobs + "/" + verb, fmt.Sprintf(`{"jobIds":[%q]}`, id)}
	}
	onTask := func(id, verb string) [2]string { return [2]string{jobs + "/" + id + "/tasks/a1/" + verb, `{}`} }
	status := func(id string) string { return s.job(id).Get("status").Text() }
	rounds := pick(10, 200)
	for name, race := range map[string]func(t *testing.T) (id string){
		"two finish a manual task": func(t *testing.T) string {
			id := ask()
			replies := s.together(t, finish(id, "success"), finish(id, "failure"))
			if n := won(t, replies); n != 1 {
				t.Errorf("%d of two finished the task: %v", n, replies)
			}
			want := "success"
			if replies[0].status != http.StatusOK {
				want = "failure"
			}
			if got := s.ends(id, 5*time.Second).Text(); got != want {
				t.Errorf("who finished with %q was told that it counts, and the job went on with %q", want, got)
			}
			return id
		},
		"ten cancel, one finishes": func(t *testing.T) string {
			id := ask()
			calls := [][2]string{finish(id, "success")}
			for range 10 {
				calls = append(calls, several(id, "cancel"))
			}
			replies := s.together(t, calls...)
			won(t, replies[1:])
			won(t, replies[:1])
			end := status(id)
			if finished := replies[0].status == http.StatusOK; finished != (end == "complete") || end != "complete" && end != "canceled" {
				t.Errorf("the finish was answered %d and the job is %s", replies[0].status, end)
			}
			return id
		},
		"pause, resume and finish": func(t *testing.T) string {
			id := ask()
			replies := s.together(t, several(id, "pause"), several(id, "resume"), finish(id, "success"))
			won(t, replies)
			end := status(id)
			if replies[2].status == http.StatusOK && end != "complete" && end != "paused" {
				t.Errorf("the finish counted and the job is %s", end)
			}
			if end == "running" && replies[2].status == http.StatusOK {
				t.Errorf("finished and still running: %v", replies)
			}
			if end != "complete" {
				s.post(jobs+"/cancel", value.Object("jobIds", value.Strings(id)))
			}
			return id
		},
		"two retry, one skips": func(t *testing.T) string {
			id := fail()
			replies := s.together(t, onTask(id, "retry"), onTask(id, "retry"), onTask(id, "skip"))
			if n := won(t, replies); n < 1 {
				t.Errorf("nobody won: %v", replies)
			}
			waitFor(t, 10*time.Second, func() (bool, string) {
				st := status(id)
				return st == "complete" || st == "error", "the job is " + st
			})
			if n := len(once(t, s, id)); n > 3 {
				t.Errorf("the task ran %d times for one failure and two retries", n)
			}
			return id
		},
		"retry and cancel": func(t *testing.T) string {
			id := fail()
			replies := s.together(t, onTask(id, "retry"), several(id, "cancel"))
			won(t, replies)
			if replies[1].status != http.StatusOK {
				t.Errorf("a job that has not ended could not be canceled: %s", replies[1])
			}
			waitFor(t, 10*time.Second, func() (bool, string) { return status(id) == "canceled", "the job is " + status(id) })
			return id
		},
		"patch and patch": func(t *testing.T) string {
			id := ask()
			path := jobs + "/" + id + "/variables"
			var g sync.WaitGroup
			for i := range 10 {
				g.Go(func() {
					if r, err := s.send(http.MethodPatch, path, fmt.Sprintf(`{"variables":{"v%d":%d}}`, i, i)); err != nil || r.status != http.StatusOK {
						t.Errorf("patch: %s %v", r, err)
					}
				})
			}
			g.Wait()
			for i := range 10 {
				if n, ok := s.job(id).Path("variables", fmt.Sprintf("v%d", i)).Int(); !ok || n != int64(i) {
					t.Errorf("a patch that was answered 200 is not there: v%d", i)
				}
			}
			s.post(jobs+"/cancel", value.Object("jobIds", value.Strings(id)))
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range rounds {
				once(t, s, race(t))
			}
		})
	}
	s.stop()
	s.doctor()
}
