package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestCheck_secrets(t *testing.T) {
	t.Parallel()
	const plain, odd = "hunter2", `pa"ss\w<ö>rd`
	within := value.String(value.String(odd).String()).String() // JSON kept as a text of JSON
	for name, tc := range map[string]struct {
		id, body string
		want     string // what the finding says; "" when there is none
	}{
		"none":                {"d", `{"v":"hunter3"}`, ""},
		"as it is":            {"d", `{"v":"x hunter2 y"}`, "canary 1 "},
		"in a name":           {"d", `{"hunter2":1}`, "canary 1 "},
		"escaped":             {"d", value.Object("v", value.String(odd)).String(), "canary 2 "},
		"escaped for HTML":    {"d", `{"v":"pa\"ss\\w\u003cö\u003erd"}`, "canary 2 "},
		"in a text of JSON":   {"d", `{"v":` + within + `}`, "canary 2 "},
		"two":                 {"d", value.Object("v", value.Strings(plain, odd)).String(), "canary 1 and 2 "},
		"in an identifier":    {"d hunter2", `{}`, "canary 1 "},
		"in what is not JSON": {"d", `hunter2`, "canary 1 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := admit(t)
			w.commit(store.Write{Collection: store.Forms, ID: tc.id, Expect: store.New, Body: []byte(tc.body), Index: make([]any, len(collection(store.Forms).Fields))})
			r := examined(t, w.Store, Options{Canaries: []string{plain, odd}, Fix: true})
			if tc.want == "" {
				if !r.Clean() {
					t.Errorf("found %v", r.Findings)
				}
				return
			}
			if len(r.Findings) != 1 || !(Finding{Invariant: Secret, Collection: store.Forms, ID: strings.ReplaceAll(tc.id, plain, "***")}).like(r.Findings[0]) {
				t.Fatalf("found %v, want one canary in the form", r.Findings)
			}
			if text := r.Findings[0].String(); !strings.Contains(text, tc.want) || strings.Contains(text, plain) || strings.Contains(text, odd) {
				t.Errorf("the finding says %q; want %q and no secret", text, tc.want)
			}
		})
	}
}

// Every collection is searched, jobs, histories and task runs among them.
func TestCheck_secretsEverywhere(t *testing.T) {
	t.Parallel()
	w := admit(t)
	want := map[string]bool{}
	for _, c := range schema.All() {
		want[c.Name] = true
		w.commit(store.Write{Collection: c.Name, ID: "canary", Expect: store.New, Body: []byte(`{"v":"hunter2"}`), Index: make([]any, len(c.Fields))})
	}
	for _, f := range examined(t, w.Store, Options{Canaries: []string{"hunter2"}}).Findings {
		if f.Invariant == Secret {
			delete(want, f.Collection)
		}
	}
	if len(want) > 0 {
		t.Errorf("not searched: %v", want)
	}
}

func TestCheck_secretsRefusesAnEmptyCanary(t *testing.T) {
	t.Parallel()
	s := small(t)
	_, err := Check(t.Context(), Options{Store: s, Library: openLibrary(s), Canaries: []string{"a", ""}})
	if err == nil || !strings.Contains(err.Error(), "canary 2 is empty") {
		t.Errorf("an empty canary: %v", err)
	}
}

func TestCheck_audit(t *testing.T) {
	t.Parallel()
	s := small(t)
	r := examined(t, s, Options{Fix: true, Audit: func(context.Context) ([]Finding, error) {
		return []Finding{{ID: "0000000000000007", Text: "It was changed."}}, nil
	}})
	if len(r.Findings) != 1 || r.Findings[0] != (Finding{Chain, store.Audit, "0000000000000007", "It was changed.", false}) {
		t.Errorf("found %v, want the break in the audit log", r.Findings)
	}
	broken := errors.New("connection lost")
	_, err := Check(t.Context(), Options{Store: s, Library: openLibrary(s), Audit: func(context.Context) ([]Finding, error) { return nil, broken }})
	if !errors.Is(err, broken) {
		t.Errorf("with an audit log that cannot be read: %v", err)
	}
}

// What is searched by a job's id belongs to jobs, whatever is added to the table of
// collections.
func TestCheck_recordsOfEveryKind(t *testing.T) {
	t.Parallel()
	kept := map[string]bool{}
	for _, k := range kinds {
		kept[k.collection] = true
	}
	for _, name := range []string{store.Audit, store.History, store.Tasks} {
		if !kept[name] {
			t.Errorf("%s is not checked", name)
		}
	}
	for _, c := range store.Collections {
		for _, f := range c.Fields {
			if (f.Name == "job" || f.Name == "job._id") && !kept[c.Name] && c.Name != store.Payloads { // which have a check of their own
				t.Errorf("%s belongs to jobs and is not checked", c.Name)
			}
		}
	}
}

// An audit entry filed wrongly hides from those who search the log.
func TestCheck_auditFiledWrongly(t *testing.T) {
	t.Parallel()
	w := admit(t)
	w.put(store.Audit, value.Object("_id", value.String("0000000000000001"), "seq", value.Int(1), "who", value.String("eve")))
	w.refile(store.Audit, "0000000000000001", map[string]any{"who": "ann"})
	w.treat(Finding{Invariant: Left, Collection: store.Audit, ID: "0000000000000001", Fixable: true})
}

// restless is a store whose counts are wrong and whose jobs never keep still.
type restless struct {
	lying
	w ward
}

func (s restless) Find(ctx context.Context, collection string, q store.Query) (store.Page, error) {
	if collection == store.Jobs {
		s.w.amend(id(waiting), func(*engine.Job, *engine.Machine) {})
	}
	return s.lying.Find(ctx, collection, q)
}

func TestCheck_countsOfWhatMoves(t *testing.T) {
	t.Parallel()
	w := admit(t)
	r := examined(t, restless{lying{w.Store}, w}, Options{})
	for _, f := range r.Findings {
		t.Errorf("found while jobs move: %s", f)
	}
}
