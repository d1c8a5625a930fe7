package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Rule says what becomes of jobs that have been at rest for some time.
type Rule struct {
	Name     string
	Statuses []string // complete, canceled, error; any of them
	Workflow string   // jobs of this workflow only; "" = of all
	After    time.Duration
	Action   Kind // Delete or Archive
	Export   bool // write down before deleting
}

// rulesID is the document of the settings that holds the rules.
const rulesID = "retention"

var ruleName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}$`)

// Problem is what is wrong with a rule, and where.
type Problem struct{ Pointer, Code, Text string }

// Invalid is the refusal of rules that cannot be applied.
type Invalid struct{ Problems []Problem }

func (e *Invalid) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Pointer + ": " + p.Text
	}
	return strings.Join(texts, "; ")
}

// ParseRules reads {"rules": [{name, statuses, workflow, after, action, export}]}. After is a
// time such as "720h" or "30d". The error is *Invalid.
func (l *Lifecycle) ParseRules(doc value.Value) ([]Rule, error) {
	var bad Invalid
	wrong := func(at, code, format string, args ...any) {
		bad.Problems = append(bad.Problems, Problem{at, code, fmt.Sprintf(format, args...)})
	}
	list := doc.Get("rules")
	if !list.IsArray() {
		wrong("/rules", "required", "\"rules\" must be a list, not %s.", list.Kind())
	}
	var out []Rule
	for i, e := range list.Elements() {
		at := fmt.Sprintf("/rules/%d", i)
		r := Rule{Name: e.Get("name").Text(), Workflow: e.Get("workflow").Text(), Action: Kind(e.Get("action").Text()), Export: e.Get("export").Truth()}
		if !ruleName.MatchString(r.Name) {
			wrong(at+"/name", "required", "A rule needs a \"name\" of 1 to 60 letters, digits, hyphens and underscores, not %s.", e.Get("name"))
		} else if slices.ContainsFunc(out, func(o Rule) bool { return o.Name == r.Name }) {
			wrong(at+"/name", "duplicate", "Another rule is called %q.", r.Name)
		}
		for _, key := range e.Keys() {
			if !slices.Contains([]string{"name", "statuses", "workflow", "after", "action", "export"}, key) {
				wrong(at+"/"+value.EscapePointer(key), "unknown", "A rule has no %q.", key)
			}
		}
		for j, s := range e.Get("statuses").Elements() {
			if !slices.Contains([]string{"complete", "canceled", "error"}, s.Text()) {
				wrong(fmt.Sprintf("%s/statuses/%d", at, j), "enum", "A status must be complete, canceled or error, not %s.", s)
			}
			r.Statuses = append(r.Statuses, s.Text())
		}
		if len(r.Statuses) == 0 {
			wrong(at+"/statuses", "required", "A rule needs a list of \"statuses\": complete, canceled, error.")
		}
		var err error
		if r.After, err = age(e.Get("after").Text()); err != nil {
			wrong(at+"/after", "duration", "\"after\" must be a time such as \"30d\" or \"12h\", not %s.", e.Get("after"))
		}
		switch {
		case r.Action != Delete && r.Action != Archive:
			wrong(at+"/action", "enum", "\"action\" must be %q or %q, not %s.", Delete, Archive, e.Get("action"))
		case r.Export && r.Action != Delete:
			wrong(at+"/export", "conflict", "Only what is deleted is written down first.")
		case r.Export && l.Export == "":
			wrong(at+"/export", "conflict", "The server has no folder to write to.")
		}
		out = append(out, r)
	}
	if len(bad.Problems) > 0 {
		return nil, &bad
	}
	return out, nil
}

// age reads a duration that may be counted in days.
func age(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		hours, err := time.ParseDuration(days + "h")
		if hours < 0 || hours > 100*365*time.Hour {
			return 0, errors.New("out of range")
		}
		return 24 * hours, err
	}
	d, err := time.ParseDuration(text)
	if d < 0 {
		return 0, errors.New("negative")
	}
	return d, err
}

// Rules returns the document of the rules, as it was stored.
func (l *Lifecycle) Rules(ctx context.Context) (value.Value, error) {
	d, err := l.Store.Get(ctx, store.Settings, rulesID)
	if errors.Is(err, store.ErrNotFound) {
		return value.Object("rules", value.Array()), nil
	}
	if err != nil {
		return value.Absent, err
	}
	v, err := value.ParseLast(d.Body)
	return v.Without("_id", "name"), err
}

// SetRules stores the document of the rules. The error is *Invalid for one that is none.
func (l *Lifecycle) SetRules(ctx context.Context, doc value.Value) error {
	if _, err := l.ParseRules(doc); err != nil {
		return err
	}
	body := value.Object("_id", value.String(rulesID), "name", value.String(rulesID), "rules", doc.Get("rules"))
	return l.Store.Commit(ctx, store.Batch{{
		Collection: store.Settings, ID: rulesID, Expect: store.Any, Body: body.AppendJSON(nil), Index: []any{rulesID},
	}})[0]
}

// ApplyRules submits a batch for each rule that has something to do, unless there is one.
func (l *Lifecycle) ApplyRules(ctx context.Context) error {
	doc, err := l.Rules(ctx)
	if err != nil {
		return err
	}
	rules, err := l.ParseRules(doc)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if err := l.apply(ctx, r); err != nil {
			return fmt.Errorf("rule %q: %w", r.Name, err)
		}
	}
	return nil
}

func (l *Lifecycle) apply(ctx context.Context, r Rule) error {
	by := "rule " + r.Name
	now := l.Now()
	b := Batch{
		// Servers that apply the rules at the same time make the same batch.
		ID: fmt.Sprintf("retention-%s-%d", r.Name, now.Truncate(l.Apply).UnixMilli()), Kind: r.Action, By: by, Export: r.Export, Created: now.UnixMilli(),
		Filter: store.And{store.Where("status", store.In, anys(r.Statuses)), store.Where("last_updated", store.Lte, now.Add(-r.After).UnixMilli())},
	}
	if r.Workflow != "" {
		b.Filter = store.And{b.Filter, store.Where("name", store.Eq, r.Workflow)}
	}
	if r.Action == Archive {
		b.Filter = store.And{b.Filter, store.Where("archived", store.Ne, true)}
	}
	found, err := l.Store.Find(ctx, store.Jobs, store.Query{Where: b.where(), Limit: 1, NoTotal: true})
	if err != nil || len(found.Docs) == 0 {
		return err
	}
	live, err := l.Store.Find(ctx, store.Batches, store.Query{
		Where: store.And{store.Where("live", store.Eq, true), store.Where("by", store.Eq, by)}, Limit: 1, NoTotal: true,
	})
	if err != nil || len(live.Docs) > 0 {
		return err
	}
	if _, err = l.submit(ctx, b); errors.Is(err, store.ErrConflict) {
		return nil // another server was first
	}
	return err
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, s := range texts {
		out[i] = s
	}
	return out
}
