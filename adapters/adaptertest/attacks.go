package adaptertest

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows/value"
)

// want waits for the answer to an order and compares its state and, unless "", its class.
func (a *attack) want(key, state, class string) string {
	v, problem := a.result(key)
	switch {
	case problem != "":
		return problem
	case v.Get("finishState").Text() != state, class != "" && v.Path("error", "class").Text() != class:
		return fmt.Sprintf("answered %s, want %s", clip(v.String()), strings.TrimSpace(state+" "+class))
	}
	return ""
}

func (a *attack) answers() string {
	o := a.newOrder(a.Quick)
	a.order(o)
	return a.want(o.Key, "success", "")
}

// agree tells whether all answers to an order are the same.
func (a *attack) agree(key string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, v := range a.results[key] {
		if v.Get("finishState").Text() != a.results[key][0].Get("finishState").Text() {
			return "the answers to one order differ"
		}
	}
	return ""
}

func (a *attack) repeated() string {
	o := a.newOrder(a.Quick)
	for i := range 5 {
		a.raw(o.Method, fmt.Sprint(o.Key, "/repeat/", i), o.JSON())
	}
	if problem := a.want(o.Key, "success", ""); problem != "" {
		return problem
	}
	a.pause(time.Second)
	return a.agree(o.Key)
}

func (a *attack) repeatedWhileRunning() string {
	o := a.newOrder(a.Slow)
	a.order(o)
	a.pause(200 * time.Millisecond)
	a.raw(o.Method, o.Key+"/repeat", o.JSON())
	if problem := a.want(o.Key, "success", ""); problem != "" {
		return problem
	}
	a.pause(3 * time.Second) // a second run would end by now
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.results[o.Key]); n != 1 {
		return fmt.Sprintf("answered %d times", n)
	}
	return ""
}

func (a *attack) cancel() string {
	o := a.newOrder(a.Slow)
	a.order(o)
	a.pause(500 * time.Millisecond)
	a.signal(engine.RunKey(job, "another", 1))
	a.signal(o.Key)
	return a.want(o.Key, "error", adapters.ClassCanceled)
}

func (a *attack) cancelLate() string {
	o := a.newOrder(a.Quick)
	a.order(o)
	if problem := a.want(o.Key, "success", ""); problem != "" {
		return problem
	}
	a.signal(o.Key)
	a.signal("")
	a.pause(200 * time.Millisecond)
	return a.answers()
}

func (a *attack) unknownMethod() string {
	o := a.newOrder(Sample{Method: "no such/method.*", Incoming: a.Quick.Incoming})
	a.order(o)
	return a.want(o.Key, "error", "")
}

func (a *attack) unknownInstance() string {
	o := a.newOrder(a.Quick)
	o.AdapterID = "no such instance"
	o.Incoming = o.Incoming.With("adapter_id", value.String(o.AdapterID))
	a.order(o)
	return a.want(o.Key, "error", "input")
}

func (a *attack) newerVersion() string {
	o := a.newOrder(a.Quick)
	a.raw(o.Method, o.Key, []byte(strings.Replace(string(o.JSON()), `"v":1`, `"v":99`, 1)))
	return a.want(o.Key, "error", engine.ClassProtocol)
}

func (a *attack) deadlinePassed() string {
	o := a.newOrder(a.Slow)
	o.Deadline = time.Now().Add(-time.Minute).UnixMilli()
	a.order(o)
	return a.want(o.Key, "error", "")
}

func (a *attack) garbage() string {
	o := a.newOrder(a.Quick)
	for _, data := range []string{
		"", "null", "5", `"order"`, "[]", "{}", "{", "\x00\xff\xfe", strings.Repeat("[", 100000), `{"v":1}`, `{"v":"1","key":7,"job":{},"task":[]}`,
		`{"v":1,"key":"x","job":"","task":"a","iteration":-1,"attempt":1e300,"app":"a","method":"m","incoming":{}}`,
		strings.Replace(string(o.JSON()), `"iteration":1`, `"iteration":1.5`, 1),
	} {
		a.raw(o.Method, "", []byte(data))
	}
	return a.answers()
}

func (a *attack) oversize() string {
	o := a.newOrder(a.Quick)
	o.Incoming = o.Incoming.With("padding", value.String(strings.Repeat("x", 900<<10)))
	a.order(o)
	if _, problem := a.result(o.Key); problem != "" {
		return problem
	}
	return a.answers()
}

func (a *attack) flood() string {
	var keys []string
	for range 300 {
		o := a.newOrder(a.Quick)
		a.order(o)
		keys = append(keys, o.Key)
	}
	for _, key := range keys {
		if problem := a.want(key, "success", ""); problem != "" {
			return problem
		}
	}
	return ""
}

// restart stops the adapter in the middle of an order, which its successor is to finish.
func (a *attack) restart() string {
	o := a.newOrder(a.Slow)
	a.order(o)
	a.pause(500 * time.Millisecond)
	problem := a.end()
	a.begin()
	if problem != "" {
		return problem
	}
	return a.want(o.Key, "success", "")
}

func (a *attack) isProcess() bool { return a.Signal != nil }

func (a *attack) findable() bool { _, ok := a.bus.(bus.Directory); return ok }

// announced looks for the adapter among the services on the bus, and reads its manifest.
func (a *attack) announced() string {
	directory := a.bus.(bus.Directory)
	found, err := directory.Services(a.ctx)
	if err != nil {
		return err.Error()
	}
	for _, s := range found {
		if s.Metadata[adapters.MetaApp] != a.App {
			continue
		}
		if s.Metadata[adapters.MetaProtocol] != "1" || s.Metadata[adapters.MetaPool] != adapters.DefaultPool {
			return fmt.Sprintf("announced with metadata %v; it needs %s and %s", s.Metadata, adapters.MetaProtocol, adapters.MetaPool)
		}
		data, err := directory.Request(a.ctx, adapters.ManifestSubject(adapters.DefaultPool, a.App))
		if err != nil {
			return err.Error()
		}
		return a.manifest(data)
	}
	return fmt.Sprintf("%d services answer, none for the app %q", len(found), a.App)
}

func (a *attack) manifest(data []byte) string {
	doc, err := value.Parse(data)
	if err != nil {
		return "the manifest: " + err.Error()
	}
	schema, err := schemas.Named("adapter-manifest")
	if err != nil {
		return err.Error()
	}
	for _, v := range schema.Check(doc) {
		return "the manifest: " + v.Error()
	}
	if doc.Get("app").Text() != a.App {
		return "the manifest is one of the app " + doc.Get("app").Text()
	}
	for _, s := range []Sample{a.Quick, a.Slow} {
		if !slices.ContainsFunc(doc.Get("methods").Slice(), func(m value.Value) bool { return m.Get("name").Text() == s.Method }) {
			return "the manifest has no method " + s.Method
		}
	}
	return ""
}

// lostLease freezes the adapter in the middle of an order until another process might have it.
func (a *attack) lostLease() string {
	o := a.newOrder(a.Slow)
	a.order(o)
	a.pause(500 * time.Millisecond)
	if err := a.Signal(syscall.SIGSTOP); err != nil {
		return err.Error()
	}
	a.pause(bus.PoolLease + 2*time.Second)
	if err := a.Signal(syscall.SIGCONT); err != nil {
		return err.Error()
	}
	if problem := a.want(o.Key, "success", ""); problem != "" {
		return problem
	}
	a.pause(3 * time.Second) // a second run would end by now
	if problem := a.agree(o.Key); problem != "" {
		return problem
	}
	return a.answers()
}

// killed ends the adapter without a word in the middle of an order, which its successor is to finish.
func (a *attack) killed() string {
	o := a.newOrder(a.Slow)
	a.order(o)
	a.pause(500 * time.Millisecond)
	if err := a.Signal(syscall.SIGKILL); err != nil {
		return err.Error()
	}
	select {
	case <-a.done:
	case <-a.ctx.Done():
		return a.ctx.Err().Error()
	}
	a.begin()
	return a.want(o.Key, "success", "")
}
