package workflows

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/heddlehq/heddle/workflows/value"
)

func TestParseTrigger(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc  string
		want Trigger
	}{
		"endpoint": {`{"name":"E","type":"endpoint","enabled":true,"verb":"POST","routeName":"go","schema":{"type":"object"},"jst":null}`,
			Trigger{Name: "E", Type: TriggerEndpoint, Enabled: true, Verb: "POST", RouteName: "go", Schema: value.MustParse(`{"type":"object"}`)}},
		"event": {`{"name":"V","type":"eventSystem","enabled":false,"source":"s","topic":"t","legacyWrapper":false,"jst":"j"}`,
			Trigger{Name: "V", Type: TriggerEvent, Source: "s", Topic: "t", JST: "j", PerMinute: DefaultPerMinute, Overlap: OverlapAllow}},
		"manual": {`{"name":"M","type":"manual","actionType":"automations","actionId":"x","formId":"f","formData":{"a":1}}`,
			Trigger{Name: "M", Type: TriggerManual, Enabled: true, ActionType: "automations", ActionID: "x", FormID: "f", FormData: value.MustParse(`{"a":1}`), LegacyWrapper: true}},
		"schedule": {`{"name":"S","type":"schedule","enabled":true,"firstRunAt":1000,"repeatUnit":"day","repeatFrequency":2,"repeatInterval":null,"processMissedRuns":"last","legacyWrapper":false}`,
			Trigger{Name: "S", Type: TriggerSchedule, Enabled: true, FirstRunAt: 1000, RepeatUnit: "day", RepeatFrequency: 2, ProcessMissed: "last", Overlap: OverlapAllow}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, problems := ParseTrigger(value.MustParse(tc.doc))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			tc.want.Doc = value.MustParse(tc.doc)
			if diff := cmp.Diff(&tc.want, got, cmp.Comparer(value.Equal), cmpopts.IgnoreFields(Trigger{}, "Due")); diff != "" {
				t.Errorf("trigger (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseTrigger_problems(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc  string
		want []string
	}{
		"endpoint without route": {`{"name":"E","type":"endpoint"}`, []string{"required /routeName"}},
		"endpoint with a path":   {`{"name":"E","type":"endpoint","routeName":"a/b"}`, []string{"route /routeName"}},
		"endpoint schema":        {`{"name":"E","type":"endpoint","routeName":"a","schema":{"pattern":"("}}`, []string{"schema /schema"}},
		"endpoint verb":          {`{"name":"E","type":"endpoint","routeName":"a","verb":"GET"}`, []string{"enum /verb"}},
		"event without topic":    {`{"name":"E","type":"eventSystem","source":"s"}`, []string{"required /topic"}},
		"no trigger":             {`[]`, []string{"type "}},
		"no type":                {`{"name":"E"}`, []string{"required /type"}},
		"schedule never":         {`{"name":"E","type":"schedule"}`, []string{"required /firstRunAt"}},
		"schedule of nothing":    {`{"name":"E","type":"schedule","firstRunAt":1,"repeatUnit":"day"}`, []string{"required /repeatFrequency"}},
		"schedule of moons":      {`{"name":"E","type":"schedule","firstRunAt":-1,"repeatUnit":"moon","processMissedRuns":"some"}`, []string{"type /firstRunAt", "enum /repeatUnit", "enum /processMissedRuns"}},
		"schedule two ways":      {`{"name":"E","type":"schedule","cron":"@daily","repeatInterval":5000}`, []string{"conflict /cron"}},
		"schedule of no day":     {`{"name":"E","type":"schedule","cron":"@daily","holidays":["12-25","May 1st"]}`, []string{"schedule /holidays/1"}},
		"schedule on the moon":   {`{"name":"E","type":"schedule","cron":"@daily","timezone":"Moon/Tycho","overlap":"fight"}`, []string{"schedule /timezone", "enum /overlap"}},
		"event without a key":    {`{"name":"E","type":"eventSystem","source":"s","topic":"t","dedupeKey":"device"}`, []string{"pointer /dedupeKey"}},
		"unknown type":           {`{"name":"","type":"whim"}`, []string{"required /name", "enum /type"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := ParseTrigger(value.MustParse(tc.doc))
			if diff := cmp.Diff(tc.want, summary(problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseAutomations(t *testing.T) {
	t.Parallel()
	body := value.MustParse(`{"automations":[
		{"name":"A","componentType":"workflows","componentId":"1","componentName":"Child","gbac":{"read":["g"],"write":["g"]},
		 "triggers":[{"name":"M","type":"manual","formId":"f"},{"name":"E","type":"endpoint","routeName":"go"},{"name":"F","type":"endpoint","routeName":"go"}]},
		{"name":"B","componentName":"Other","gbac":{"read":["g"],"write":[]},"triggers":[{"type":"manual"}]}]}`)
	list, problems := ParseAutomations(body)
	want := []string{"required /automations/1/gbac/write", "required /automations/1/triggers/0/name"}
	if diff := cmp.Diff(want, summary(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if len(list) != 2 || len(list[0].Triggers) != 3 {
		t.Fatalf("automations %v", list)
	}
	if diff := cmp.Diff([]string{"unknown-form /triggers/0/formId", "duplicate /triggers/2/routeName"}, summary(list[0].Validate(known))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"unknown-workflow /componentName"}, summary(list[1].Validate(known))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if got := list[0].Export(); !value.Equal(got, body.Get("automations").At(0).Without("componentId")) {
		t.Errorf("export %s", got)
	}
	for _, bad := range []string{`{}`, `{"automations":{}}`, `[]`} {
		if _, problems := ParseAutomations(value.MustParse(bad)); problems.Err() == nil {
			t.Errorf("body %s is no problem", bad)
		}
	}
	triggers, problems := ParseTriggers(value.MustParse(`{"triggers":[{"name":"M","type":"manual"}]}`))
	if len(triggers) != 1 || len(problems) > 0 {
		t.Errorf("triggers %v, problems %v", triggers, problems)
	}
}

func TestAutomation_corpus(t *testing.T) {
	t.Parallel()
	projects := make([]*Project, 0)
	for _, doc := range corpus(t, "projects") {
		p, _ := ParseProject(doc)
		projects = append(projects, p)
	}
	for file, doc := range corpus(t, "automations") {
		a, problems := ParseAutomation(doc)
		problems = append(problems, a.Validate(anyOf(projects))...)
		if len(problems) > 0 {
			t.Errorf("%s: %v", file, problems)
		}
		if a.Export().String() != doc.String() {
			t.Errorf("%s: the export is not the file", file)
		}
	}
}

type anyOf []*Project

func (ps anyOf) Exists(t ComponentType, name string) bool {
	for _, p := range ps {
		if p.Exists(t, name) {
			return true
		}
	}
	return false
}
