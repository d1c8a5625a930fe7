package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Instance is a stored adapter instance.
type Instance struct {
	adapters.Instance
	App  string
	Pool string
	Doc  value.Value
	// Revision is that of the stored document; store.New before it was stored.
	Revision int64
}

func (i Instance) adapter() adapters.Instance { return i.Instance }

// instanceOf reads a document that was checked.
func instanceOf(doc value.Value, revision int64) Instance {
	i := Instance{App: doc.Get("app").Text(), Pool: doc.Get("pool").Text(), Doc: doc, Revision: revision}
	if i.Pool == "" {
		i.Pool = adapters.DefaultPool
	}
	i.ID, i.Config = doc.Get("name").Text(), doc.Get("config")
	i.Stopped = doc.Get("enabled").IsBool() && !doc.Get("enabled").Truth()
	i.Renewal, _ = doc.Get("restarts").Int()
	_ = doc.Get("limits").Decode(&i.Limits)                       // checked before it was stored
	_ = i.Level.UnmarshalText([]byte(level(doc.Get("logLevel")))) // the same
	return i
}

func level(v value.Value) string {
	if v.Text() == "" {
		return "info"
	}
	return v.Text()
}

// members of a stored instance, each with what it must be.
var members = map[string]value.Kind{
	"_id": value.KindString, "name": value.KindString, "app": value.KindString, "config": value.KindObject, "pool": value.KindString,
	"description": value.KindString, "enabled": value.KindBool, "limits": value.KindObject, "logLevel": value.KindString, "restarts": value.KindNumber,
	"created": value.KindString, "createdBy": value.KindString, "lastUpdated": value.KindString, "lastUpdatedBy": value.KindString,
}

// maxName bounds names of instances, in bytes.
const maxName = 128

// Fit completes the document of an instance and checks it: {name, app, config, pool, enabled,
// limits, logLevel, description}. at is where the configuration stands in what people gave,
// such as "/config".
func (r *Registry) Fit(doc value.Value, at string) (value.Value, error) {
	var problems workflows.Problems
	bad := func(pointer, code, format string, args ...any) {
		problems = append(problems, workflows.Problem{Level: workflows.Error, Pointer: pointer, Code: code, Text: fmt.Sprintf(format, args...)})
	}
	for _, key := range doc.Keys() {
		v := doc.Get(key)
		want, known := members[key]
		switch {
		case !known:
			bad("/"+value.EscapePointer(key), "unknown", "An adapter instance has no %q; it has app, config, description, enabled, limits, logLevel, name and pool.", key)
		case v.IsNothing():
			doc = doc.Without(key)
		case v.Kind() != want:
			bad("/"+key, "type", "%q must be of the type %s, not %s.", key, want, v.Kind())
		}
	}
	if len(problems) > 0 {
		return doc, problems.Err()
	}
	if name := doc.Get("name").Text(); name == "" || len(name) > maxName || strings.ContainsAny(name, "/\\") || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' }) {
		bad("/name", "name", "An adapter instance needs a \"name\" of 1 to %d bytes without slashes.", maxName)
	}
	if err := new(slog.Level).UnmarshalText([]byte(level(doc.Get("logLevel")))); err != nil {
		bad("/logLevel", "enum", "\"logLevel\" must be debug, info, warn or error, not %s.", doc.Get("logLevel"))
	}
	if doc.Get("pool").Text() == "" {
		doc = doc.With("pool", value.String(adapters.DefaultPool))
	} else if doc.Get("pool").Text() == adapters.EnginePool {
		bad("/pool", "pool", "The pool %q is the engine's own.", adapters.EnginePool)
	}
	if doc.Get("enabled").IsAbsent() {
		doc = doc.With("enabled", value.True)
	}
	if doc.Get("config").IsAbsent() {
		doc = doc.With("config", value.Object())
	}
	for _, p := range checkLimits(doc.Get("limits")) {
		bad("/limits"+p[0], p[1], "%s", p[2])
	}
	if app := doc.Get("app").Text(); app == "" {
		bad("/app", "required", "An adapter instance needs an \"app\": one of %s.", r.apps())
	} else if schema, known := r.configSchema(app, doc.Get("pool").Text()); known {
		for _, p := range checkConfig(schema, doc.Get("config")) {
			bad(at+p[0], p[1], "%s", p[2])
		}
	} else if slices.Contains(r.Pools, doc.Get("pool").Text()) {
		bad("/app", "unknown", "There is no adapter for the app %q; there are %s.", app, r.apps())
	}
	return doc.With("_id", doc.Get("name")), problems.Err()
}

var limitsSchema = func() *schemas.Schema {
	s, err := schemas.Compile(closed(adapters.SchemaOf[adapters.Limits]()))
	if err != nil {
		panic(err) // the schema of limits is wrong
	}
	return s
}()

// checkLimits lists what is wrong with limits: pointer, code and sentence.
func checkLimits(v value.Value) (out [][3]string) {
	if v.IsAbsent() {
		return nil
	}
	for _, p := range limitsSchema.Check(v) {
		out = append(out, [3]string{p.InstancePath, p.Keyword, p.Message})
	}
	var l adapters.Limits
	if len(out) == 0 {
		if err := v.Decode(&l); err != nil {
			return [][3]string{{"", "type", err.Error()}}
		}
		if pointer, problem := l.Check(); problem != "" {
			out = append(out, [3]string{pointer, "range", problem})
		}
	}
	return out
}

// checkConfig lists what is wrong with a configuration. A reference to a secret fits wherever
// a text does, and secrets stand nowhere in the open.
func checkConfig(schema, config value.Value) (out [][3]string) {
	if schema.IsAbsent() {
		if config.Len() > 0 {
			return [][3]string{{"", "unknown", "there is nothing to configure"}}
		}
		return nil
	}
	compiled, err := schemas.Compile(closed(schema))
	if err != nil {
		return [][3]string{{"", "schema", "the adapter's own schema cannot be used: " + err.Error()}}
	}
	for _, p := range compiled.Check(config) {
		if isReference(config.Lookup(p.InstancePath)) && p.Keyword != "type" {
			continue // what the secret is shows when it is used
		}
		out = append(out, [3]string{p.InstancePath, p.Keyword, p.Message})
	}
	return append(out, bare(schema, config, "")...)
}

func isReference(v value.Value) bool { return strings.Contains(v.Text(), "$secret.") }

// closed is a schema whose objects have no members but those it lists.
func closed(schema value.Value) value.Value {
	for key, s := range schema.Get("properties").Members() {
		schema = schema.WithPath([]string{"properties", key}, closed(s))
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if schema.Get(key).IsObject() {
			schema = schema.With(key, closed(schema.Get(key)))
		}
	}
	if schema.Get("properties").Len() > 0 && !schema.Has("additionalProperties") {
		schema = schema.With("additionalProperties", value.False)
	}
	return schema
}

// bare finds secrets that are written out.
func bare(schema, v value.Value, at string) (out [][3]string) {
	if schema.Get("writeOnly").Truth() && v.IsString() && v.Text() != "" && !isReference(v) {
		out = append(out, [3]string{at, "secret", "must not be written out; store it with heddle secret set NAME and write $secret.NAME"})
	}
	for key, s := range schema.Get("properties").Members() {
		if v.Has(key) {
			out = append(out, bare(s, v.Get(key), at+"/"+value.EscapePointer(key))...)
		}
	}
	if s := schema.Get("additionalProperties"); s.IsObject() {
		for key, m := range v.Members() {
			if !schema.Get("properties").Has(key) {
				out = append(out, bare(s, m, at+"/"+value.EscapePointer(key))...)
			}
		}
	}
	for i, e := range v.Elements() {
		out = append(out, bare(schema.Get("items"), e, fmt.Sprintf("%s/%d", at, i))...)
	}
	return out
}

// configSchema is the schema of an app's configurations, Absent if there is nothing to configure.
func (r *Registry) configSchema(app, pool string) (schema value.Value, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.kinds[app]; k != nil && (slices.Contains(r.Pools, pool) || r.manifests[place{pool, app}].doc.IsAbsent()) {
		return k.Config, true
	}
	m, known := r.manifests[place{pool, app}]
	return m.doc.Get("config"), known
}

func (r *Registry) apps() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	apps := slices.Collect(maps.Keys(r.kinds))
	for p := range r.manifests {
		apps = append(apps, p.app)
	}
	slices.Sort(apps)
	return strings.Join(slices.Compact(apps), ", ")
}

// Get reads a stored instance. The error wraps store.ErrNotFound if there is none.
func (r *Registry) Get(ctx context.Context, name string) (Instance, error) {
	d, err := r.Store.Get(ctx, store.Adapters, name)
	if err != nil {
		return Instance{}, fmt.Errorf("adapter instance %q: %w", name, err)
	}
	v, err := value.ParseLast(d.Body)
	return instanceOf(v, d.Revision), err
}

// Save stores a document that fits over the revision it was read at. All servers take it up.
func (r *Registry) Save(ctx context.Context, doc value.Value, expect int64) error {
	c, err := r.schema.Collection(store.Adapters)
	if err != nil {
		return err
	}
	return r.write(ctx, store.Write{Collection: store.Adapters, ID: doc.Get("_id").Text(), Expect: expect, Body: doc.AppendJSON(nil), Index: c.IndexOf(doc)})
}

// Delete removes an instance; its tasks under way end as they began.
func (r *Registry) Delete(ctx context.Context, i Instance) error {
	return r.write(ctx, store.Write{Collection: store.Adapters, ID: i.ID, Expect: i.Revision})
}

func (r *Registry) write(ctx context.Context, w store.Write) error {
	if err := r.Store.Commit(ctx, store.Batch{w})[0]; err != nil {
		return fmt.Errorf("adapter instance %q: %w", w.ID, err)
	}
	r.tell(ctx)
	return nil
}

// tell takes up what was stored, here and in the other servers.
func (r *Registry) tell(ctx context.Context) {
	if err := r.look(ctx); err != nil {
		r.Log.Warn("adapters not read", "err", err)
	}
	r.ring()
	if err := r.Bus.Signal(ctx, changed, nil); err != nil {
		r.Log.Debug("news of adapters not sent", "err", err) // the others look by themselves
	}
}

// ErrNotServed means that another process works for the instance.
var ErrNotServed = errors.New("another process serves the adapter instance")

// Check opens an instance and looks whether its system answers. It uses what is served here,
// as it is stored at the moment.
func (r *Registry) Check(ctx context.Context, name string) error {
	i, err := r.Get(ctx, name)
	if err != nil {
		return err
	}
	r.mu.Lock()
	kind := r.kinds[i.App]
	r.mu.Unlock()
	if kind == nil || !slices.Contains(r.Pools, i.Pool) {
		return fmt.Errorf("%w %q", ErrNotServed, name)
	}
	// On its own, so that the outcome is that of the stored configuration.
	one := &adapters.Server{Kind: kind, Instances: []adapters.Instance{i.adapter()}, Secrets: r.Secrets, Log: r.Log}
	return one.Try(ctx, name)
}
