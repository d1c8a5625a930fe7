package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/audit"
	"github.com/heddlehq/heddle/server/auth"
	"github.com/heddlehq/heddle/workflows/value"
)

// ReasonHeader is the header in which a caller may say why they act; a text "reason" in the
// body says it, too. It stands in the audit log.
const ReasonHeader = "X-Audit-Reason"

// readingPosts are the operations that change nothing although they are not a GET. Whatever
// is not named here leaves an audit entry.
var readingPosts = map[string]bool{
	"findForwardPaths": true, "findJobs": true, "findTask": true, "getAssociatedJobs": true, "getJobList": true, "getJobsOfTasks": true, "getTag": true,
	"getTagsOfDocument": true, "getTaskTypes": true, "getWorkflowSchemas": true, "queryJobs": true, "queryTasksBrief": true, "runEvaluationGroup": true,
	"runEvaluationGroups": true, "runQuery": true, "searchJobs": true, "searchTasks": true, "searchWorkflows": true, "validateAsset": true,
	"validateLoops": true, "validateWorkflow": true,
}

// acts tells whether each call of a route leaves an audit entry: it changes something,
// carries documents out of the server, or lets somebody in.
func (r route) acts() bool {
	return r.method != http.MethodGet && !readingPosts[r.name] || strings.HasPrefix(r.name, "export") || r.name == "finishOIDC"
}

// deed is what the audit log is to say of a call. Bodies are not part of it: they may hold
// secrets.
type deed struct {
	route         route
	claimed       string // the name that a caller nobody knows gives
	reason        string
	before, after value.Value // summaries of what changed
	each          []target    // what an act on many was done to
	answer        value.Value
	err           error
	reveals       bool // it shows encrypted values
	replayed      bool // it was done, and noted, by an earlier call
}

// target is one of many objects of an act, and why it was not done to it.
type target struct {
	kind, id string
	err      error
}

// errBooksClosed: acts that were done could not be noted in the audit log, and until they are
// no other is begun.
var errBooksClosed = errors.New("the audit log cannot be written; nothing is changed until it can")

// books keeps the audit log of what callers do.
//
// An act is noted after it was done and before it is answered: an entry tells what became of
// it, and whoever has an answer finds the entry. When the store does not take an entry, the
// act has happened all the same and is answered; the entry is kept here, and no further act
// begins before it is stored. What a crash can lose is thus the entries of the calls that
// nobody got an answer to; what they did to jobs is in the jobs' histories.
//
// Of the denials of one caller, and of the mistakes of strangers, only some a minute are noted one by one, so that nobody can
// fill the store by knocking; the others are counted, and the count is noted.
type books struct {
	log     *audit.Log
	now     func() time.Time
	trouble *slog.Logger

	retry   chan struct{} // held by whoever stores what is kept
	mu      sync.Mutex
	kept    []audit.Entry // that the store did not take
	knocks  map[string]*knock
	counted time.Time // when knocks were last noted
}

// knock counts the denials of one caller.
type knock struct {
	limit   *rate.Limiter
	skipped int
	last    audit.Entry
}

// How many denials of one caller are noted one by one, and how many callers are told apart.
const (
	denialsAtOnce = 20
	denialsEvery  = 3 * time.Second
	maxKnocking   = 10_000
	countEvery    = time.Minute
)

func newBooks(s store.Store, now func() time.Time, trouble *slog.Logger) *books {
	return &books{
		log: audit.New(audit.Options{Store: s, Now: now, Log: trouble}), now: now, trouble: trouble,
		knocks: map[string]*knock{}, counted: now(), retry: make(chan struct{}, 1),
	}
}

// open makes sure that acts can be noted, as far as is known.
func (b *books) open(ctx context.Context) error {
	if len(b.missing()) == 0 {
		return nil
	}
	select {
	case b.retry <- struct{}{}:
		defer func() { <-b.retry }()
	case <-ctx.Done():
		return errBooksClosed
	}
	kept := b.missing() // another caller may have been first
	if err := b.log.Record(ctx, kept...); err != nil {
		b.trouble.Error("audit entries still not stored", "entries", len(kept), "err", err)
		return errBooksClosed
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = slices.Delete(b.kept, 0, len(kept))
	return nil
}

func (b *books) missing() []audit.Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.kept)
}

func (b *books) keep(entries []audit.Entry, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, entries...)
	b.trouble.Error("audit entries not stored; they are kept, and acts refused until they are", "entries", len(b.kept), "err", err)
}

// enter notes a call whose answer is about to be written, if it is one to note.
func (b *books) enter(c *call) {
	status := c.Response().Status
	denied := status == http.StatusUnauthorized || status == http.StatusForbidden
	if !denied && (!c.deed.route.acts() && !c.deed.reveals || c.deed.replayed || errors.Is(c.deed.err, errBooksClosed)) {
		return
	}
	entries := c.deed.entries(c, status)
	if denied || status == http.StatusTooManyRequests || c.who == nil && status >= http.StatusBadRequest {
		if !b.knocked(entries[0]) {
			return
		}
	}
	entries = append(entries, b.count(false)...)
	ctx := context.WithoutCancel(c.Request().Context())
	if err := b.log.Record(ctx, entries...); err != nil {
		b.keep(entries, err)
	}
}

// knocked tells whether a denial is to be noted by itself; else it counts it.
func (b *books) knocked(e audit.Entry) bool {
	who := e.From
	if e.Who.ID != "" {
		who = e.Who.ID
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.knocks[who]
	if k == nil {
		if len(b.knocks) >= maxKnocking {
			who = "" // all others together
			k = b.knocks[who]
		}
		if k == nil {
			k = &knock{limit: rate.NewLimiter(rate.Every(denialsEvery), denialsAtOnce)}
			b.knocks[who] = k
		}
	}
	if k.limit.AllowN(b.now(), 1) {
		return true
	}
	k.skipped++
	k.last = e
	return false
}

// count makes entries of the denials that were only counted, once in a while or now.
func (b *books) count(all bool) []audit.Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if !all && now.Sub(b.counted) < countEvery {
		return nil
	}
	b.counted = now
	var out []audit.Entry
	for _, who := range sortedKeys(b.knocks) {
		k := b.knocks[who]
		if k.skipped > 0 {
			e := k.last
			e.Reason = fmt.Sprintf("the last of %d more denials: %s", k.skipped, e.Reason)
			out = append(out, e)
			k.skipped = 0
		}
		if k.limit.TokensAt(now) >= denialsAtOnce {
			delete(b.knocks, who)
		}
	}
	return out
}

// close notes what is only counted or kept.
func (b *books) close(ctx context.Context) {
	entries := append(b.missing(), b.count(true)...)
	if err := b.log.Record(ctx, entries...); err != nil {
		b.trouble.Error("audit entries lost", "entries", len(entries), "err", err)
	}
}

// entries are what the log says of a call: one entry, or one for each object of many.
func (d *deed) entries(c *call, status int) []audit.Entry {
	e := audit.Entry{
		Who: audit.Who{Name: d.claimed}, From: address(c.Request()), Action: strings.TrimSuffix(d.route.name, "Alias"),
		Outcome: strconv.Itoa(status), Before: d.before, After: d.after,
	}
	if c.who != nil {
		e.Who = audit.Who{ID: c.who.ID, Name: c.who.Username}
	}
	if e.Reason = d.reason; e.Reason == "" {
		e.Reason = c.Request().Header.Get(ReasonHeader)
	}
	if d.err != nil {
		e.Reason, e.Before, e.After = why(d.err), value.Absent, value.Absent
	}
	if len(d.each) > 0 {
		out := make([]audit.Entry, len(d.each))
		for i, t := range d.each {
			out[i] = e
			out[i].Target = audit.Target{Kind: t.kind, ID: t.id}
			out[i].Outcome = strconv.Itoa(http.StatusOK)
			if t.err != nil {
				out[i].Outcome, out[i].Reason = strconv.Itoa(decide(t.err).status), why(t.err)
			}
		}
		return out
	}
	e.Target = audit.Target{Kind: d.route.noun(), ID: d.object(c)}
	if e.After.IsAbsent() {
		e.After = parameters(c)
	}
	return []audit.Entry{e}
}

// why words an error without what the caller sent, which may be secret: a body that is wrong
// is described by the places that are.
func why(err error) string {
	a := decide(err)
	if len(a.problems) == 0 {
		return a.text
	}
	places := make([]string, len(a.problems))
	for i, p := range a.problems {
		places[i] = strings.TrimSpace(p.pointer + " " + p.code)
	}
	return strings.Join(places, ", ")
}

// object is the identifier of what a call is about: in its path, or in its answer when it made
// something.
func (d *deed) object(c *call) string {
	if d.route.may == auth.StartJobs {
		return identified(d.answer)
	}
	for _, name := range []string{"id", "*"} {
		if slices.Contains(c.ParamNames(), name) {
			return c.text(name)
		}
	}
	if d.route.may == auth.Known && c.who != nil {
		return c.who.ID
	}
	return identified(d.answer)
}

// identified is the identifier in an answer, wherever the route's kind of answer has it.
func identified(answer value.Value) string {
	for _, path := range [][]string{{"data", "_id"}, {"created", "_id"}, {"_id"}, {"name"}} {
		if id := answer.Path(path...); id.IsString() {
			return id.Text()
		}
	}
	return ""
}

// parameters are those of a path that name parts of its object.
func parameters(c *call) value.Value {
	var m value.Members
	for _, name := range slices.Sorted(slices.Values(c.ParamNames())) {
		if name != "id" && name != "*" {
			m.Set(name, value.String(c.text(name)))
		}
	}
	if v := m.Value(); v.Len() > 0 {
		return v
	}
	return value.Absent
}

// nouns are the kinds of objects whose routes do not begin with their name.
var nouns = []struct{ prefix, kind string }{
	{"/automation-studio/automations", "workflow"},
	{"/json-forms/import", "form"},
	{"/login", "session"},
	{"/logout", "session"},
	{"/oauth", "session"},
	{"/workflow_builder", "workflow"},
	{"/workflow_engine/getJob", "job"},
}

// applications that stand before the noun in a route's path.
var prefixes = []string{"authorization", "automation-studio", "heddle", "json-forms", "operations-manager", "operations_manager", "workflow_engine"}

// noun is the kind of object a route is about.
func (r route) noun() string {
	if r.may == auth.StartJobs {
		return "job"
	}
	for _, n := range nouns {
		if strings.HasPrefix(r.path, n.prefix) {
			return n.kind
		}
	}
	parts := strings.Split(strings.Trim(r.path, "/"), "/")
	if len(parts) > 1 && slices.Contains(prefixes, parts[0]) {
		parts = parts[1:]
	}
	return strings.TrimSuffix(parts[0], "s")
}
