//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// load gives a server jobs of all sorts, plays the people they wait for, and asks all the
// time why what is unfinished has not ended.
type load struct {
	s      *server
	kinds  []kind
	byName map[string]kind
	ledger *ledger // nil where a mock answers
	worker *worker // who keeps it
	corpus *corpus // nil without real workflows

	mu       sync.Mutex
	turn     int               // in the mix
	refs     int               // of starts, each has its own
	accepted map[string]string // job id by the reference of its start
	unknown  map[string]bool   // starts of which no answer said whether they were taken
	refused  int
	asked    int
	wrong    []string // promises seen broken on the way

	stop chan struct{}
	busy sync.WaitGroup
}

// newServerForLoad is a server that is not running yet, set up for a load: in the long form
// with real workflows, if there are any, for which a mock answers as outside systems would.
func newServerForLoad(t *testing.T, args ...string) *server {
	t.Helper()
	if os.Getenv("HEDDLE_CORPUS") != "" && *longFlag {
		file := filepath.Join(t.TempDir(), "mock.json")
		if err := os.WriteFile(file, []byte(mockFile), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--mock", file)
	}
	return newServer(t, args...)
}

// newLoad prepares a running server for jobs.
func newLoad(s *server) *load {
	s.t.Helper()
	l := &load{s: s, kinds: mixed(), byName: map[string]kind{}, accepted: map[string]string{}, unknown: map[string]bool{}, stop: make(chan struct{})}
	for _, k := range l.kinds {
		l.byName[k.name()] = k
	}
	for i := len(l.kinds) - 1; i >= 0; i-- { // the child before who starts it
		s.install(l.kinds[i].doc)
	}
	if mocked(s) {
		l.corpus = newCorpus(s)
	} else {
		l.ledger = &ledger{keys: map[string]map[string]int{}}
		l.worker = employLedger(s, l.ledger)
	}
	l.busy.Go(l.people)
	l.busy.Go(l.ask)
	s.t.Cleanup(l.quit)
	return l
}

// add prepares the server for jobs of one more kind.
func (l *load) add(k kind) {
	l.s.t.Helper()
	l.s.install(k.doc)
	l.byName[k.name()] = k
}

func mocked(s *server) bool {
	for _, a := range s.args {
		if a == "--mock" {
			return true
		}
	}
	return false
}

// quit sends the people home.
func (l *load) quit() {
	l.mu.Lock()
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.mu.Unlock()
	l.busy.Wait()
}

// every does something again and again until the load ends.
func (l *load) every(d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			do()
		}
	}
}

func (l *load) complain(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wrong) < 20 {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	}
}

// start asks for one job of the mix; see startOf.
func (l *load) start() (id string) {
	l.mu.Lock()
	l.turn++
	n := l.turn
	l.mu.Unlock()
	if l.corpus != nil && n%10 == 0 {
		return l.startOf(l.corpus.pick(n / 10))
	}
	return l.startOf(l.kinds[n%len(l.kinds)].name(), value.Object())
}

// startOf asks for a job and writes down what came of it; "" when it is not known to be taken.
func (l *load) startOf(workflow string, variables value.Value) (id string) {
	l.mu.Lock()
	l.refs++
	ref := fmt.Sprintf("start %d", l.refs)
	l.mu.Unlock()
	r, err := l.s.call(http.MethodPost, jobs+"/start", startBody(workflow, ref, variables))
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil, r.status == http.StatusOK && r.body.IsAbsent():
		l.unknown[ref] = true
	case r.status == http.StatusOK:
		id = r.body.Path("data", "_id").Text()
		l.accepted[ref] = id
	case r.status == http.StatusServiceUnavailable || r.status == http.StatusTooManyRequests:
		l.refused++
		l.unknown[ref] = true // a call that ran out of time may have been taken
		if r.header.Get("Retry-After") == "" {
			l.wrong = append(l.wrong, fmt.Sprintf("start refused without Retry-After: %s", r))
		}
	default:
		l.wrong = append(l.wrong, fmt.Sprintf("start answered %s", r))
	}
	return id
}

// give starts n jobs, however often it takes within two minutes for each.
func (l *load) give(n int) {
	var g sync.WaitGroup
	work := make(chan struct{})
	for range 8 {
		g.Go(func() {
			for range work {
				for asked := time.Now(); l.start() == ""; {
					if time.Since(asked) > 2*time.Minute {
						l.complain("no start was accepted in two minutes")
						return
					}
					select {
					case <-l.stop:
						return
					case <-time.After(50 * time.Millisecond):
					}
				}
			}
		})
	}
	idle := make(chan struct{})
	go func() {
		g.Wait()
		close(idle)
	}()
feed:
	for range n {
		select {
		case work <- struct{}{}:
		case <-idle:
			break feed
		case <-l.stop:
			break feed
		}
	}
	close(work)
	<-idle
}

// giveMeanwhile starts n jobs while the test goes on; done is closed after the last.
func (l *load) giveMeanwhile(n int) (done chan struct{}) {
	done = make(chan struct{})
	l.busy.Go(func() {
		defer close(done)
		l.give(n)
	})
	return done
}

// list reads without minding that the server may be down.
func (l *load) list(path string, query url.Values) []value.Value {
	r, err := l.s.call(http.MethodGet, path+"?"+query.Encode(), value.Absent)
	if err != nil || r.status != http.StatusOK {
		return nil
	}
	var out []value.Value
	for _, d := range r.body.Get("data").Elements() {
		out = append(out, d)
	}
	return out
}

// all lists page after page.
func (l *load) all(path string, query url.Values) (out []value.Value) {
	const page = 500
	query.Set("limit", strconv.Itoa(page))
	for {
		query.Set("skip", strconv.Itoa(len(out)))
		some := l.list(path, query)
		if out = append(out, some...); len(some) < page {
			return out
		}
	}
}

// people finish what waits for them, and give up what no person would wait for.
func (l *load) people() {
	rejected := map[string]int{}
	l.every(100*time.Millisecond, func() {
		for _, task := range l.list("/operations-manager/tasks", url.Values{"equals[type]": {"manual"}, "equals[status]": {"running"}, "limit": {"50"}}) {
			job, state := task.Path("job", "_id").Text(), "success"
			if root := task.Path("job", "root").Text(); l.corpus != nil {
				// Most pages of real workflows offer to try again as success: say no after a while.
				if rejected[root]++; rejected[root] > 6 {
					state = "failure"
				}
			}
			r, err := l.s.call(http.MethodPost, fmt.Sprintf("%s/%s/tasks/%s/finish", jobs, job, task.Path("job", "task").Text()),
				value.Object("taskData", value.Object("finish_state", value.String(state), "variables", value.Object())))
			if err == nil && r.status >= 500 && r.status != http.StatusServiceUnavailable {
				l.complain("finish of a manual task: %s", r)
			}
		}
		if l.corpus != nil {
			l.corpus.giveUp(l)
		}
	})
}

// ask wants to know of unfinished jobs why they have not ended.
func (l *load) ask() {
	round := 0
	l.every(300*time.Millisecond, func() {
		round++
		open := l.list(jobs, url.Values{"in[status]": {unfinished}, "limit": {"12"}, "skip": {fmt.Sprint(12 * (round % 8))}, "include": {"status"}})
		for _, j := range open {
			l.explained(j.Get("_id").Text())
		}
	})
}

const unfinished = "running,paused,error,incomplete,blocked"

// explained checks that the server can say why a job has not ended, and returns what it said.
func (l *load) explained(job string) value.Value {
	r, err := l.s.call(http.MethodGet, jobs+"/"+job+"/explain", value.Absent)
	if err != nil {
		return value.Null // down: nobody can be asked
	}
	if r.status != http.StatusOK {
		if r.status != http.StatusServiceUnavailable {
			l.complain("explain of job %s: %s", job, r)
		}
		return value.Null
	}
	l.mu.Lock()
	l.asked++
	l.mu.Unlock()
	why := r.body.Get("data")
	switch why.Get("status").Text() {
	case "complete", "canceled":
	default:
		if why.Get("reasons").Len() == 0 {
			l.complain("job %s has not ended and has no reason: %s", job, r)
		}
	}
	return why.Get("reasons")
}
