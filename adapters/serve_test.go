package adapters_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine/bus/membus"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

type inputs struct {
	Text   string            `json:"text" doc:"some text"`
	Count  int               `json:"count,omitempty"`
	On     *bool             `json:"on"`
	Color  string            `json:"color,omitempty" enum:"red,green"`
	Nested *nested           `json:"nested"`
	Any    value.Value       `json:"any,omitzero"`
	Tags   []string          `json:"tags,omitempty"`
	Map    map[string]uint8  `json:"map,omitempty"`
	When   time.Time         `json:"when,omitzero"`
	Hidden string            `json:"-"`
	Free   any               `json:"free,omitempty"`
	Key    string            `json:"key,omitempty" secret:"true"`
	Deep   map[string]inputs `json:"deep,omitempty"`
	common
}

type common struct {
	Rate float64 `json:"rate,omitempty"`
}

type nested struct {
	Size int `json:"size,omitempty"`
}

func TestSchemaOf(t *testing.T) {
	t.Parallel()
	want := value.MustParse(`{"type":"object","properties":{
		"text":{"type":"string","description":"some text"},"count":{"type":"integer"},"on":{"type":"boolean"},
		"color":{"type":"string","enum":["red","green"]},"nested":{"type":"object","properties":{"size":{"type":"integer"}}},
		"any":{},"tags":{"type":"array","items":{"type":"string"}},
		"map":{"type":"object","additionalProperties":{"type":"integer","minimum":0}},"when":{"type":"string","format":"date-time"},
		"free":{},"key":{"type":"string","writeOnly":true},"deep":{"type":"object","additionalProperties":{}},"rate":{"type":"number"}},
		"required":["text"]}`).String()
	if diff := cmp.Diff(want, adapters.SchemaOf[inputs]().String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := adapters.SchemaOf[struct{}]().String(); got != `{"type":"object","properties":{}}` {
		t.Errorf("an empty struct is %s", got)
	}
}

func TestKind_manifestIsTheProtocols(t *testing.T) {
	t.Parallel()
	m := tickets.Manifest()
	conforms(t, "adapter-manifest", m)
	want := value.MustParse(`{"v":1,"app":"Tickets","kind":"tickets","version":"1.0.0","methods":[{"name":"open","summary":"Opens a ticket.",
		"incoming":{"type":"object","properties":{"title":{"type":"string","description":"what is wrong"},"priority":{"type":"integer"}},"required":["title"]},
		"outgoing":{"type":"object","properties":{"number":{"type":"string"}},"required":["number"]},"sideEffects":true}]}`)
	if diff := cmp.Diff(want.String(), m.Without("config").String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	methods := tickets.Catalog()
	if len(methods) != 1 || len(methods[0].Incoming) != 3 || !methods[0].Incoming[0].Required || !methods[0].Incoming[2].Required {
		t.Errorf("catalog: %+v", methods)
	}
}

// trial is a kind with one method of everything.
var trial = adapters.Kind{
	App: "Trial", Version: "1",
	Config: value.MustParse(`{"type":"object","required":["password"],"properties":{"password":{"type":"string"}}}`),
	Methods: []adapters.Spec{
		adapters.Method("show", func(_ context.Context, _ *adapters.Call, in inputs) (string, error) {
			return fmt.Sprint(in.Text, " ", in.Count, " ", in.On != nil && *in.On, " ", in.Nested != nil), nil
		}).ReadOnly(),
		adapters.Method("leak", func(_ context.Context, c *adapters.Call, in struct {
			How string `json:"how"`
		}) (map[string]string, error) {
			var config struct{ Password string }
			if err := c.Config(&config); err != nil {
				return nil, err
			}
			c.Log(slog.LevelWarn, "using "+config.Password, "password", config.Password)
			c.Progress(50, "half of "+config.Password)
			switch in.How {
			case "panic":
				panic(config.Password)
			case "error":
				return nil, errors.New("refused " + config.Password)
			}
			return map[string]string{config.Password: "is " + config.Password}, nil
		}),
		adapters.Method("no", func(context.Context, *adapters.Call, struct{}) (ticket, error) {
			return ticket{"none"}, &adapters.Error{Text: "no", State: workflows.Failure}
		}).MayWarn(),
		adapters.Method("block", func(_ context.Context, c *adapters.Call, _ struct{}) (ticket, error) {
			c.Changes = value.Object("added", value.Int(3))
			return ticket{}, &adapters.Error{Class: "guard", Text: "too many", State: workflows.Blocked, Details: value.Object("found", value.Int(3), "class", value.Int(1))}
		}).MayBlock(),
		adapters.Method("chatter", func(_ context.Context, c *adapters.Call, _ struct{}) (int, error) {
			for range 5000 {
				c.Progress(1, "")
				c.Log(slog.LevelInfo, strings.Repeat("x", 10000))
			}
			return 1, nil
		}),
		adapters.Method("wait", func(ctx context.Context, _ *adapters.Call, _ struct{}) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}),
	},
}

func secrets(_ context.Context, name string) (string, error) {
	if name != "trial" {
		return "", errors.New("unknown")
	}
	return "hunter2hunter2", nil
}

// call has the trial kind do one call and returns its events.
func call(t *testing.T, method, in string, change func(*adapters.Order), act func(*place)) []value.Value {
	t.Helper()
	var out []value.Value
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, membus.Options{})
		s := &adapters.Server{
			Bus: p.bus, Kind: &trial, Secrets: secrets, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
			Instances: []adapters.Instance{
				{ID: "good", Config: value.Object("password", value.String("$secret.trial"))},
				{ID: "lost", Config: value.Object("password", value.String("$secret.other"))},
				{ID: "odd", Config: value.Object("password", value.Int(1))},
			},
		}
		ctx, stop := context.WithCancel(p.ctx)
		var done sync.WaitGroup
		done.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		o := order("a1")
		o.App, o.Method, o.AdapterID, o.Incoming = "Trial", method, "good", value.MustParse(in)
		if change != nil {
			change(&o)
		}
		p.order(o)
		settle(time.Second)
		if act != nil {
			act(p)
			settle(time.Second)
		}
		stop()
		done.Wait()
		settle(time.Second)
		out = p.events
	})
	return out
}

func TestServer_calls(t *testing.T) {
	to := func(id string) func(*adapters.Order) { return func(o *adapters.Order) { o.AdapterID = id } }
	for name, tc := range map[string]struct {
		method, in string
		change     func(*adapters.Order)
		act        func(*place)
		want       []string // parts of the result
		not        string   // nowhere in the events
	}{
		"plain":             {method: "show", in: `{"text":"a","count":2,"adapter_id":"good"}`, want: []string{`"outgoing":{"result":"a 2 false false"}`}},
		"texts and nulls":   {method: "show", in: `{"text":"5","count":"2","on":"true","nested":null,"tags":"","rate":""}`, want: []string{`"5 2 true false"`}},
		"nested nulls":      {method: "show", in: `{"text":"a","nested":{"size":null}}`, want: []string{`"a 0 false true"`}},
		"missing":           {method: "show", in: `{"count":2}`, want: []string{`"class":"input"`, `required property 'text'`, `"retryable":false`}},
		"wrong type":        {method: "show", in: `{"text":"a","count":"two"}`, want: []string{`"class":"input"`, `/count must be integer`}},
		"enum":              {method: "show", in: `{"text":"a","color":"blue"}`, want: []string{`/color must be equal to one of the allowed values`}},
		"overflow":          {method: "show", in: `{"text":"a","map":{"x":300}}`, want: []string{`"class":"input"`, `cannot be read`}},
		"unknown method":    {method: "nothing", in: `{}`, want: []string{`"class":"input"`, `it has show, leak`}},
		"unknown instance":  {method: "show", in: `{"text":"a"}`, change: to("nope"), want: []string{`"class":"input"`, `no adapter instance \"nope\"; there is \"good\", \"lost\", \"odd\"`}},
		"no instance":       {method: "show", in: `{"text":"a"}`, change: to(""), want: []string{`"class":"input"`, `adapter_id must name one`}},
		"lost secret":       {method: "show", in: `{"text":"a"}`, change: to("lost"), want: []string{`"class":"auth"`, `secret \"other\": unknown`}},
		"odd configuration": {method: "show", in: `{"text":"a"}`, change: to("odd"), want: []string{`"class":"input"`, `/password must be string`}},
		"leak by output":    {method: "leak", in: `{"how":"output"}`, want: []string{`{"***":"is ***"}`}, not: "hunter2"},
		"leak by error":     {method: "leak", in: `{"how":"error"}`, want: []string{`refused ***`, `"class":"data"`}, not: "hunter2"},
		"leak by panic":     {method: "leak", in: `{"how":"panic"}`, want: []string{`panicked: ***`, `"class":"internal"`}, not: "hunter2"},
		"failure":           {method: "no", in: `{}`, want: []string{`"finishState":"failure"`, `{"number":"none"}`}},
		"blocked":           {method: "block", in: `{}`, want: []string{`"finishState":"blocked"`, `"class":"guard"`, `"found":3`, `"changes":{"added":3}`}},
		"canceled":          {method: "wait", in: `{}`, act: func(p *place) { p.cancel("") }, want: []string{`"class":"canceled"`}},
		"deadline": {method: "wait", in: `{}`, change: func(o *adapters.Order) { o.Deadline = time.Now().Add(500 * time.Millisecond).UnixMilli() },
			want: []string{`"class":"run-timeout"`}},
	} {
		t.Run(name, func(t *testing.T) {
			events := call(t, tc.method, tc.in, tc.change, tc.act)
			if len(events) < 2 {
				t.Fatalf("events: %v", events)
			}
			result := events[len(events)-1].String()
			for _, part := range tc.want {
				if !strings.Contains(result, part) {
					t.Errorf("no %s in %s", part, result)
				}
			}
			for _, e := range events {
				if tc.not != "" && strings.Contains(e.String(), tc.not) {
					t.Errorf("%s in %s", tc.not, e)
				}
			}
		})
	}
}

func TestServer_boundsChatter(t *testing.T) {
	events := call(t, "chatter", `{}`, nil, nil)
	counts := map[string]int{}
	for _, e := range events {
		counts[e.Get("type").Text()]++
		if n := len(e.String()); n > 5000 {
			t.Errorf("an event of %d bytes", n)
		}
	}
	if counts["TaskProgress"] != 1 || counts["TaskLog"] != 1000 || counts["TaskFinished"] != 1 {
		t.Errorf("sent %v", counts)
	}
}

func TestServer_stoppedGivesBackAfterGrace(t *testing.T) {
	for _, e := range call(t, "wait", `{}`, nil, nil) { // call stops the server while it waits
		if e.Get("type").Text() == "TaskFinished" {
			t.Errorf("answered %s instead of giving back", e)
		}
	}
}

func TestServer_noticesChangedSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, membus.Options{})
		var version, opens atomic.Int32
		kind := adapters.Kind{
			App: "Lab", Config: value.Object(),
			Open: func(_ context.Context, i adapters.Instance) (any, error) {
				opens.Add(1)
				return i.Config.Get("key").Text(), nil
			},
			Methods: []adapters.Spec{adapters.Method("echo", func(_ context.Context, c *adapters.Call, _ struct{}) (int, error) {
				return len(adapters.Client[string](c)), nil
			})},
		}
		s := &adapters.Server{Bus: p.bus, Kind: &kind, Secrets: func(context.Context, string) (string, error) {
			return strings.Repeat("k", 10+int(version.Load())), nil
		}, Instances: []adapters.Instance{{ID: "one", Config: value.Object("key", value.String("$secret.k"))}}}
		ctx, stop := context.WithCancel(p.ctx)
		var done sync.WaitGroup
		done.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		for i := range 4 {
			p.order(order(fmt.Sprint("a", i)))
			settle(2 * time.Minute)
			version.Store(int32(i / 2))
		}
		stop()
		done.Wait()
		last := p.events[len(p.events)-1]
		if n := opens.Load(); n != 2 || last.Path("outgoing", "result").String() != "11" {
			t.Errorf("opened %d times, last call saw %s", n, last)
		}
	})
}

func TestServer_refusesTwoOfAName(t *testing.T) {
	t.Parallel()
	err := adapters.Serve(t.Context(), membus.New(membus.Options{}), &trial, adapters.Instance{ID: "a"}, adapters.Instance{ID: "a"})
	if err == nil || !strings.Contains(err.Error(), `two instances are called "a"`) {
		t.Errorf("got %v", err)
	}
}
