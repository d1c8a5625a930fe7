package server_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/yaml"
)

// example imports a worked sequence.
func (a *api) example(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile("../testdata/sequences/" + file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := yaml.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := schemas.Named("sequence")
	if err != nil {
		t.Fatal(err)
	}
	if v := schema.Check(doc); len(v) > 0 {
		t.Errorf("%s does not fit its schema: %v", file, v)
	}
	answer := a.must(t, "POST", "/automation-studio/automations/import", value.Object("automations", value.Array(doc)).String())
	created := answer.Get("imported").At(0).Get("created")
	if errs, warnings := created.Get("errors"), created.Get("warnings"); errs.Len() > 0 || warnings.Len() > 0 {
		t.Fatalf("%s: errors %s, warnings %s", file, errs, warnings)
	}
}

// people are n of them, from the first on.
func people(first, n int) value.Value {
	var m value.Members
	for i := range n {
		m.Set(fmt.Sprintf("p%03d", first+i), value.Object("name", value.String(fmt.Sprintf("Person %d", first+i))))
	}
	return m.Value()
}

func TestSequence_joiners(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.example(t, "joiners.yaml")
	id := a.launch(t, "Joiners", `{"variables":{"people":`+people(0, 40).String()+`}}`)
	j := a.job(t, id, "complete")
	if r := j.Path("variables", "report"); r.Len() != 40 || !strings.Contains(r.At(0).Text(), `p000 {"name":"Person 0","role":"employee"}`) {
		t.Errorf("report %s", r)
	}
	// The same people again are no change, and nothing follows from that.
	id = a.launch(t, "Joiners", `{"variables":{"people":`+people(0, 40).String()+`}}`)
	a.job(t, id, "complete")
	want := "Synchronise HR complete, Compute roles skipped(parent-no-output), Provision directory skipped(parent-no-output), Export report skipped(parent-no-output)"
	if got := a.states(t, id); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// A hundred at once are too many.
	id = a.launch(t, "Joiners", `{"variables":{"people":`+people(0, 140).String()+`}}`)
	a.job(t, id, "blocked")
	if n := a.writes(t, "identities"); n != 40 {
		t.Errorf("%d writes, want 40", n)
	}
}

func TestSequence_leavers(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.example(t, "joiners.yaml")
	a.example(t, "leavers.yaml")
	a.job(t, a.launch(t, "Joiners", `{"variables":{"people":`+people(0, 80).String()+`}}`), "complete")
	// Seven of eighty may leave, eight are a tenth.
	id := a.launch(t, "Leavers", `{"variables":{"people":`+people(7, 73).String()+`}}`)
	if j := a.job(t, id, "complete"); j.Path("variables", "report").Len() != 73 {
		t.Errorf("report of %d lines", j.Path("variables", "report").Len())
	}
	before := a.writes(t, "identities")
	id = a.launch(t, "Leavers", `{"variables":{"people":`+people(17, 63).String()+`}}`)
	j := a.job(t, id, "blocked")
	if n := a.writes(t, "identities"); n != before {
		t.Errorf("%d writes although blocked", n-before)
	}
	if got := taskNamed(t, j, "Synchronise HR").Path("blocked", "reason", "reached").String(); got != `[{"kind":"delete","count":10,"limit":8,"percent":10}]` {
		t.Errorf("reached %s", got)
	}
	a.must(t, "POST", jobPath+id+"/repair", `{"reason":"a site was closed"}`)
	j = a.job(t, id, "complete")
	if n := a.writes(t, "identities"); n != before+10 || j.Path("variables", "report").Len() != 63 {
		t.Errorf("%d writes, want 10; report of %d lines", n-before, j.Path("variables", "report").Len())
	}
}

func TestSequence_twoSites(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.lab(t, "site-2")
	a.example(t, "two-sites.yaml")
	id := a.launch(t, "Two sites", `{"variables":{"first":`+people(0, 3).String()+`,"second":`+people(10, 4).String()+`}}`)
	j := a.job(t, id, "complete")
	want := "Synchronise site 1 complete, Synchronise site 2 complete, Compute site 1 complete, Compute site 2 complete, Provision site 1 complete, " +
		"Provision site 2 complete, Export directory complete, Export to auditors complete, Confirm to auditors skipped(parent-error)"
	if got := a.states(t, id); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if w := j.Get("warnings"); w.Len() != 1 || !strings.Contains(w.String(), "no space on their share") || j.Path("variables", "report").Len() != 3 {
		t.Errorf("warnings %s, report %s", w, j.Path("variables", "report"))
	}
	if worker := taskNamed(t, j, "Provision site 2").Path("metrics", "server_id").Text(); worker != "lab@site-2" {
		t.Errorf("the second site was written by %q", worker)
	}
}
