package server

import (
	"context"
	"os"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// applications are the parts of the API under the names that clients look for.
var applications = []struct{ id, description, prefix string }{
	{"AutomationStudio", "Workflows and projects", "automation-studio"},
	{"JsonForms", "Forms", "json-forms"},
	{"OperationsManager", "Automations, triggers, jobs and tasks", "operations-manager"},
	{"TemplateBuilder", "Text templates", "template_builder"},
	{"Transformations", "JSON transformations", "transformations"},
	{"WorkFlowEngine", "Runs jobs", "workflow_engine"},
}

// healthStatus is what anybody may know: whether the server works.
func healthStatus(c *call) (value.Value, error) {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
	defer cancel()
	state := func(err error) value.Value {
		if err != nil {
			return value.String("stopped")
		}
		return value.String("running")
	}
	_, err := c.Store.Find(ctx, store.Settings, store.Query{Limit: 1, NoTotal: true})
	_, busErr := c.Runner.Bus.Epoch(ctx)
	return value.Object(
		"host", value.String(c.Name), "serverId", value.String(c.Name), "serverName", value.String(c.Name),
		"services", value.Array(
			value.Object("service", value.String("store"), "status", state(err)),
			value.Object("service", value.String("bus"), "status", state(busErr))),
		"timestamp", value.Int(c.Now().UnixMilli()), "apps", value.String("running"), "adapters", value.String("running")), nil
}

// healthSystem describes the machine as far as a process knows it.
func healthSystem(c *call) (value.Value, error) {
	cpus := make([]value.Value, runtime.NumCPU())
	zero := value.Int(0)
	for i := range cpus {
		cpus[i] = value.Object("model", value.String(runtime.GOARCH), "speed", zero,
			"times", value.Object("user", zero, "nice", zero, "sys", zero, "idle", zero, "irq", zero))
	}
	memory := processMemory()
	return value.Object("arch", value.String(nodeArch()), "release", value.String(runtime.GOOS), "uptime", c.uptime(),
		"freemem", value.Int(memory.idle), "totalmem", value.Int(memory.total),
		"loadavg", value.Array(zero, zero, zero), "cpus", value.Array(cpus...)), nil
}

// healthServer describes the process. Clients choose their dialect by "release", and decode
// the versions of the parts of a Node process, which this one does not have.
func healthServer(c *call) (value.Value, error) {
	var versions value.Members
	for _, part := range []string{
		"node", "acorn", "ada", "ares", "base64", "brotli", "cjs_module_lexer", "cldr", "icu", "llhttp", "modules", "napi", "nghttp2",
		"nghttp3", "ngtcp2", "openssl", "simdutf", "tz", "undici", "unicode", "uv", "uvwasi", "v8", "zlib",
	} {
		versions.Set(part, value.String(""))
	}
	versions.Set("go", value.String(runtime.Version()))
	return value.Object("version", value.String(c.Release), "release", value.String(c.Release), "arch", value.String(nodeArch()),
		"platform", value.String(runtime.GOOS), "versions", versions.Value(), "memoryUsage", memoryUsage(), "cpuUsage", cpuUsage(),
		"uptime", c.uptime(), "pid", value.Int(int64(os.Getpid())), "dependencies", value.Object("heddle", value.String(c.Version))), nil
}

func healthApplications(c *call) (value.Value, error) {
	all := make([]value.Value, len(applications))
	for i, a := range applications {
		all[i] = value.Object("id", value.String(a.id), "package_id", value.String("heddle/"+a.prefix), "version", value.String(c.Version),
			"type", value.String("Application"), "description", value.String(a.description), "routePrefix", value.String(a.prefix),
			"state", value.String("RUNNING"), "connection", value.Null, "uptime", c.uptime(), "memoryUsage", memoryUsage(), "cpuUsage", cpuUsage(),
			"pid", value.Int(int64(os.Getpid())),
			"logger", value.Object("console", value.String("info"), "file", value.String("off"), "syslog", value.String("off")),
			"timestamp", value.Int(c.Now().UnixMilli()), "prevUptime", value.Int(0))
	}
	return c.healthList(all)
}

// healthList answers a list of parts.
func (c *call) healthList(all []value.Value) (value.Value, error) {
	q, err := c.list(shape{collection: healthParts, plain: []string{"state"}, sort: []store.Order{{Field: "id"}}, all: true})
	if err != nil {
		return value.Absent, err
	}
	p, err := c.among(healthParts, all, q)
	return p.results(), err
}

func version(c *call) (value.Value, error) { return value.String(c.Release), nil }

func (c *call) uptime() value.Value { return value.Number(c.Now().Sub(c.started).Seconds()) }

// nodeArch is the processor's name as Node spells it.
func nodeArch() string {
	if runtime.GOARCH == "amd64" {
		return "x64"
	}
	return runtime.GOARCH
}

type memory struct{ total, heap, heapUsed, idle, other int64 }

func processMemory() memory {
	names := []string{
		"/memory/classes/total:bytes", "/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes",
		"/memory/classes/heap/free:bytes", "/memory/classes/heap/released:bytes", "/memory/classes/other:bytes",
	}
	samples := make([]metrics.Sample, len(names))
	for i, n := range names {
		samples[i].Name = n
	}
	metrics.Read(samples)
	at := func(i int) int64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return int64(samples[i].Value.Uint64())
	}
	return memory{total: at(0) - at(4), heap: at(1) + at(2) + at(3), heapUsed: at(1), idle: at(3), other: at(5)}
}

// memoryUsage stays within 32 bits, as clients decode it.
func memoryUsage() value.Value {
	m := processMemory()
	fit := func(n int64) value.Value { return value.Int(min(max(n, 0), 1<<31-1)) }
	return value.Object("rss", fit(m.total), "heapTotal", fit(m.heap), "heapUsed", fit(m.heapUsed), "external", fit(m.other), "arrayBuffers", value.Int(0))
}

// cpuUsage is in microseconds.
func cpuUsage() value.Value {
	samples := []metrics.Sample{{Name: "/cpu/classes/user:cpu-seconds"}, {Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(samples)
	micro := func(i int) value.Value {
		if samples[i].Value.Kind() != metrics.KindFloat64 {
			return value.Int(0)
		}
		return value.Int(int64(samples[i].Value.Float64() * 1e6))
	}
	return value.Object("user", micro(0), "system", micro(1))
}
