//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// recovered measures how long it takes from now until a new job is taken and done.
func (l *load) recovered() time.Duration {
	l.s.t.Helper()
	began, id := time.Now(), ""
	waitFor(l.s.t, 2*time.Minute, func() (bool, string) {
		if id == "" {
			id = l.startOf("Child", value.Object())
			return false, "no job is taken"
		}
		r, err := l.s.call(http.MethodGet, jobs+"/"+id, value.Absent)
		return err == nil && r.body.Path("data", "status").Text() == "complete", fmt.Sprintf("job %s: %s %v", id, r, err)
	})
	return time.Since(began)
}

// number is the running number of a start.
func number(ref string) (n int) {
	if _, err := fmt.Sscanf(ref, "start %d", &n); err != nil {
		return 0
	}
	return n
}

// left counts the jobs that have not ended.
func (l *load) left() (n int, example value.Value) {
	status := unfinished
	if l.corpus != nil {
		status = "running,paused,incomplete,blocked" // real workflows may end in error
	}
	r, err := l.s.call(http.MethodGet, jobs+"?"+url.Values{"in[status]": {status}, "limit": {"1"}, "include": {"name,status"}}.Encode(), value.Absent)
	if err != nil || r.status != http.StatusOK {
		return -1, value.Null
	}
	return r.total(), r.body.Get("data").At(0)
}

// judge waits for all jobs to end and checks what was promised of them. It stops the server
// and lets the doctor look at what is stored.
func (l *load) judge(patience time.Duration) {
	l.s.t.Helper()
	began := time.Now()
	waitFor(l.s.t, patience, func() (bool, string) {
		n, example := l.left()
		if n > 0 && time.Since(began) > patience-time.Second {
			return false, fmt.Sprintf("%d jobs have not ended, such as %s: %s", n, example, l.explained(example.Get("_id").Text()))
		}
		return n == 0, fmt.Sprintf("%d jobs have not ended", n)
	})
	settled := time.Since(began)
	l.quit()
	l.accounts()
	l.verdict(settled)
}

// judgeOthers is judge where the test has started jobs of its own, which may end as they like.
func (l *load) judgeOthers(patience time.Duration) {
	l.s.t.Helper()
	began := time.Now()
	l.mu.Lock()
	mine := l.accepted
	l.mu.Unlock()
	for ref, id := range mine {
		waitFor(l.s.t, patience, func() (bool, string) {
			status := l.s.job(id).Get("status").Text()
			return status == "complete", fmt.Sprintf("%s, job %s, is %s", ref, id, status)
		})
	}
	settled := time.Since(began)
	l.quit()
	l.verdict(settled)
}

// verdict tells what was seen on the way, and has the doctor look at what is left.
func (l *load) verdict(settled time.Duration) {
	l.s.t.Helper()
	l.mu.Lock()
	for _, w := range l.wrong {
		l.s.t.Error(w)
	}
	l.s.t.Logf("%d starts accepted, %d refused, %d unanswered; asked %d times why; all ended %s after the last fault", len(l.accepted), l.refused, len(l.unknown), l.asked, settled.Round(time.Millisecond))
	l.mu.Unlock()
	l.s.stop()
	l.s.doctor()
}

// accounts compares the jobs there are with the starts there were, and each job with what
// its workflow demands.
func (l *load) accounts() {
	t := l.s.t
	t.Helper()
	byRef := map[string][]value.Value{}
	children := map[string]int{} // by parent
	all := l.s.everyJob()
	for _, j := range all {
		if n := j.Get("ancestors").Len(); n > 1 {
			children[j.Get("ancestors").At(n-2).Text()]++
			continue
		}
		byRef[j.Get("description").Text()] = append(byRef[j.Get("description").Text()], j)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for ref, id := range l.accepted {
		found := byRef[ref]
		if l.corpus != nil && len(found) == 0 {
			continue // some real workflows describe themselves: looked for by id below
		}
		if len(found) != 1 || found[0].Get("_id").Text() != id {
			t.Errorf("%s was accepted as job %s, and there are %d jobs of it: %v", ref, id, len(found), found)
		}
	}
	ids := map[string]bool{}
	for _, j := range all {
		if id := j.Get("_id").Text(); ids[id] {
			t.Errorf("job %s is listed twice", id)
		} else {
			ids[id] = true
		}
	}
	for ref, id := range l.accepted {
		if !ids[id] {
			t.Errorf("%s was accepted as job %s, which is gone", ref, id)
		}
	}
	for ref := range l.unknown {
		if len(byRef[ref]) > 1 {
			t.Errorf("%s was not answered and there are %d jobs of it", ref, len(byRef[ref]))
		}
	}
	again := 0
	for _, j := range all {
		again += l.account(j, children[j.Get("_id").Text()])
	}
	if l.ledger != nil {
		t.Logf("%d of the ledger's orders came more than once", again)
	}
}

// everyJob reads the list of jobs to its end.
func (s *server) everyJob() (all []value.Value) {
	s.t.Helper()
	for {
		page := s.get(jobs, url.Values{
			"limit": {"500"}, "skip": {fmt.Sprint(len(all))}, "sort": {"_id"}, "include": {"name,status,ancestors,description,metrics,error"},
		})
		for _, j := range page.body.Get("data").Elements() {
			all = append(all, j)
		}
		if n := page.body.Get("data").Len(); n == 0 || len(all) >= page.total() {
			return all
		}
	}
}

// account checks one job that has ended; it returns how many of its orders came again.
func (l *load) account(j value.Value, children int) (again int) {
	t := l.s.t
	t.Helper()
	id, status := j.Get("_id").Text(), j.Get("status").Text()
	k, mine := l.byName[j.Get("name").Text()]
	results := once(t, l.s, id)
	if !mine {
		if status != "complete" && status != "error" && status != "canceled" {
			t.Errorf("job %s of %s is %s", id, j.Get("name"), status)
		}
		return 0
	}
	if status != "complete" {
		t.Errorf("job %s of %s ended %s: %s", id, k.name(), status, j.Get("error"))
		return 0
	}
	if children != k.children {
		t.Errorf("job %s of %s has %d children, want %d", id, k.name(), children, k.children)
	}
	if !k.repeats && k.name() != "Desk" && len(results) != k.doc.Get("tasks").Len()-2-childTasks(k) {
		t.Errorf("job %s of %s took in %d results: %v", id, k.name(), len(results), results)
	}
	if k.name() == "Wait" {
		from, _ := j.Path("metrics", "start_time").Int()
		to, _ := j.Path("metrics", "end_time").Int()
		if to-from < 2000 {
			t.Errorf("job %s had to wait two seconds and took %d ms", id, to-from)
		}
	}
	if l.ledger != nil {
		effects, deliveries := l.ledger.of(id)
		if effects != k.notes {
			t.Errorf("job %s of %s had %d effects, want %d", id, k.name(), effects, k.notes)
		}
		again = deliveries - effects
	}
	return again
}

// childTasks counts the tasks whose result is that of child jobs.
func childTasks(k kind) (n int) {
	for _, t := range k.doc.Get("tasks").Members() {
		if t.Get("name").Text() == "childJob" {
			n++
		}
	}
	return n
}
