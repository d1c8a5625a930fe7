package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/heddlehq/heddle"

// rooms lists, for each room, the rooms it may use. A room not listed belongs to the nearest
// listed one above it.
var rooms = map[string][]string{
	"":                         {"server/cli"},
	"adapters/git":             {"adapters", "adapters/network"},
	"adapters/registry":        {"engine/sealed", "adapters", "engine/bus", "engine/payload", "engine/store", "schemas", "workflows", "workflows/value"},
	"adapters/http":            {"adapters", "adapters/network", "adapters/rest", "workflows/value"},
	"adapters/kafka":           {"adapters", "adapters/network", "engine", "workflows/value"},
	"adapters/mail":            {"adapters", "adapters/network", "workflows/value"},
	"adapters/mongo":           {"adapters", "adapters/network", "engine", "workflows/value"},
	"adapters/network":         {"adapters", "engine", "engine/builtin"},
	"adapters/openapi":         {"adapters", "adapters/network", "adapters/rest", "workflows", "workflows/value", "workflows/yaml"},
	"adapters/receiver":        {"adapters"},
	"adapters/rest":            {"adapters", "adapters/network", "workflows/value"},
	"adapters/standard":        {"adapters", "adapters/cli", "adapters/command", "adapters/git", "adapters/http", "adapters/kafka", "adapters/lab", "adapters/ldap", "adapters/mail", "adapters/mongo", "adapters/nats", "adapters/netconf", "adapters/receiver", "adapters/scim", "adapters/sql", "adapters/webhook"},
	"adapters/cli":             {"adapters", "adapters/devices", "adapters/network", "engine", "engine/builtin", "workflows/value"},
	"adapters/command":         {"adapters", "adapters/network", "engine", "workflows", "workflows/value"},
	"adapters/devices":         {"adapters", "adapters/network", "engine", "workflows", "workflows/value"},
	"adapters/ldap":            {"adapters", "adapters/network", "engine", "workflows/value"},
	"adapters/nats":            {"adapters", "adapters/network", "workflows/value"},
	"adapters/netconf":         {"adapters", "adapters/devices", "adapters/network", "engine", "workflows/value"},
	"adapters/scim":            {"adapters", "adapters/network", "adapters/rest", "engine", "workflows", "workflows/value"},
	"adapters/sql":             {"adapters", "adapters/network", "engine", "workflows/value"},
	"adapters/webhook":         {"adapters", "adapters/network", "adapters/rest", "workflows/value"},
	"adapters":                 {"schemas", "engine", "engine/bus", "engine/payload", "workflows", "workflows/value", "engine/sealed"},
	"engine":                   {"workflows", "workflows/value"},
	"engine/builtin":           {"engine", "schemas", "workflows", "workflows/expression", "workflows/jsonquery", "workflows/transformation", "workflows/value"},
	"engine/bus":               {"engine/bus"},
	"engine/keyring":           {"engine/store", "workflows/value"},
	"engine/sealed":            {"workflows/value"},
	"engine/library":           {"engine", "engine/builtin", "engine/store", "workflows", "workflows/transformation", "workflows/value"},
	"engine/doctor":            {"engine", "engine/library", "engine/payload", "engine/runner", "engine/store", "workflows", "workflows/value"},
	"engine/payload":           {"engine/store", "workflows/value"},
	"engine/runner":            {"adapters", "engine", "engine/builtin", "engine/bus", "engine/library", "engine/payload", "engine/sealed", "engine/store", "schemas", "workflows", "workflows/transformation", "workflows/value"},
	"engine/sources":           {},
	"engine/vault":             {"engine/keyring", "engine/store", "workflows/value"},
	"engine/secrets":           {"engine/sealed", "engine/store", "workflows", "workflows/value"},
	"engine/simulation":        {"engine", "engine/builtin", "workflows", "workflows/transformation", "workflows/value"},
	"engine/store":             {"engine/store", "workflows/value"},
	"schemas":                  {"workflows/value"},
	"server/bench":             {"adapters", "engine", "engine/bus", "engine/library", "engine/runner", "engine/store", "server/system", "workflows", "workflows/value"},
	"server":                   {"engine/doctor", "server/audit", "adapters", "engine", "engine/builtin", "engine/bus", "engine/keyring", "engine/library", "engine/payload", "engine/runner", "engine/sealed", "engine/store", "schemas", "server/auth", "server/lifecycle", "server/triggers", "workflows", "workflows/jsonquery", "workflows/value", "adapters/receiver", "adapters/registry", "engine/secrets", "server/metrics"},
	"server/auth":              {"engine/store", "workflows/value"},
	"server/cli":               {"adapters/registry", "adapters/lab", "server/bench", "server/ui", "engine/doctor", "adapters", "engine", "engine/builtin", "engine/bus", "engine/keyring", "engine/library", "engine/runner", "engine/simulation", "engine/store", "engine/vault", "schemas", "server", "server/audit", "server/auth", "server/lifecycle", "server/system", "server/triggers", "workflows", "workflows/transformation", "workflows/value", "workflows/yaml", "adapters/adaptertest", "adapters/openapi", "adapters/standard", "engine/secrets", "server/metrics", "server/tracing", "engine/sources"},
	"server/faults":            {},
	"server/audit":             {"engine/store", "workflows/value"},
	"server/lifecycle":         {"engine", "engine/library", "engine/runner", "engine/store", "workflows/value"},
	"server/system":            {"engine/secrets", "engine/sources", "adapters", "engine", "engine/builtin", "engine/bus", "engine/keyring", "engine/library", "engine/payload", "engine/runner", "engine/sealed", "engine/store", "workflows", "workflows/value", "adapters/registry", "engine/secrets"},
	"server/metrics":           {"engine", "engine/runner", "engine/store"},
	"server/tracing":           {"engine", "engine/runner"},
	"server/triggers":          {"engine", "engine/builtin", "engine/bus", "engine/library", "engine/runner", "engine/store", "schemas", "server/auth", "workflows", "workflows/value"},
	"server/ui":                {},
	"workflows":                {"schemas", "workflows/schedule", "workflows/value"},
	"workflows/expression":     {"workflows/value"},
	"workflows/jsonquery":      {"workflows/value"},
	"workflows/schedule":       {},
	"workflows/transformation": {"workflows/transformation", "workflows/jsonquery", "workflows/value"},
	"workflows/value":          {},
	"workflows/workflowtest":   {"workflows", "workflows/value"},
	"workflows/yaml":           {"workflows/value"},
}

// homes names the rooms that may use a third-party driver: one room keeps our own data with it or
// carries our own messages, and a kind of adapter may reach others' systems with it.
var homes = map[string][]string{
	"github.com/expr-lang/expr":             {"workflows/expression"},
	"github.com/go-git":                     {"adapters/git"},
	"github.com/jackc/pgx":                  {"adapters/sql"},
	"github.com/labstack/echo":              {"server"},
	"github.com/nats-io":                    {"engine/bus/natsbus", "adapters/nats"},
	"github.com/prometheus/client_golang":   {"server/metrics"},
	"github.com/santhosh-tekuri/jsonschema": {"schemas"},
	"github.com/twmb/franz-go":              {"adapters/kafka"},
	"github.com/wneessen/go-mail":           {"adapters/mail"},
	"go.mongodb.org/mongo-driver":           {"engine/store/mongostore", "adapters/mongo"},
	"go.opentelemetry.io":                   {"server/tracing"},
	"modernc.org/sqlite":                    {"engine/store/sqlitestore", "adapters/sql"},
}

// pure lists rooms that know no outside world, with what they may therefore not use.
var pure = map[string][]string{
	"engine":    {"context", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "os", "net", "net/http", "sync", "time"},
	"workflows": {"log", "log/slog", "math/rand", "math/rand/v2", "os", "net/http"},
}

type source struct {
	room string // folder, slash-separated, "" for the top
	file string
	ast  *ast.File
	test bool
}

func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			if p != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "heddle-data") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		room := path.Dir(filepath.ToSlash(p))
		if room == "." {
			room = ""
		}
		out = append(out, source{room, p, f, strings.HasSuffix(p, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// listed is the room's entry: its own or that of the nearest room above.
func listed(room string) string {
	for room != "" {
		if _, ok := rooms[room]; ok {
			return room
		}
		room, _ = path.Split(room)
		room = strings.TrimSuffix(room, "/")
	}
	return ""
}

func TestHouse_imports(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		entry := listed(s.room)
		if entry == "" && s.room != "" {
			t.Errorf("%s: room %q is not in the table of rooms", s.file, s.room)
			continue
		}
		for _, i := range s.ast.Imports {
			p, _ := strconv.Unquote(i.Path.Value)
			if rest, ok := strings.CutPrefix(p, module+"/"); ok {
				if rest != entry && !strings.HasPrefix(rest, s.room+"/") && !strings.HasPrefix(rest, entry+"/") && !slices.Contains(rooms[entry], rest) && !slices.Contains(rooms[entry], listed(rest)) {
					t.Errorf("%s: %q may not use %q", s.file, entry, rest)
				}
			}
			for prefix, homes := range homes {
				at := func(home string) bool { return s.room == home || strings.HasPrefix(s.room, home+"/") }
				if strings.HasPrefix(p, prefix) && !slices.ContainsFunc(homes, at) {
					t.Errorf("%s: %s is for %s only", s.file, prefix, strings.Join(homes, " and "))
				}
			}
			if slices.Contains(pure[s.room], p) {
				t.Errorf("%s: %q is pure and may not use %q", s.file, s.room, p)
			}
		}
	}
}

func TestHouse_engineUsesNoneOfItsOwnRooms(t *testing.T) {
	for _, s := range sources(t) {
		if s.room != "engine" || s.test {
			continue
		}
		for _, i := range s.ast.Imports {
			if strings.HasPrefix(i.Path.Value, strconv.Quote(module + "/engine/")[:len(module)+9]) {
				t.Errorf("%s: engine may not use %s", s.file, i.Path.Value)
			}
		}
	}
}

func TestHouse_packageComments(t *testing.T) {
	said := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			said[s.room] = said[s.room] || s.ast.Doc != nil
		}
	}
	for room, ok := range said {
		if !ok {
			t.Errorf("package in %q has no comment that says what it is for", room)
		}
	}
}

func TestHouse_exportedNamesAreExplained(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Doc != nil || !f.Name.IsExported() || f.Recv != nil && !exportedReceiver(f.Recv) || wellKnown[f.Name.Name] {
				continue
			}
			t.Errorf("%s: %s has no comment", s.file, f.Name.Name)
		}
	}
}

// wellKnown are methods whose meaning an interface of the standard library fixes.
var wellKnown = map[string]bool{
	"Error": true, "Is": true, "Unwrap": true, "Len": true, "Less": true, "Swap": true, "Push": true, "Pop": true, "String": true,
}

func exportedReceiver(list *ast.FieldList) bool {
	x := list.List[0].Type
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	if index, ok := x.(*ast.IndexExpr); ok {
		x = index.X
	}
	id, ok := x.(*ast.Ident)
	return ok && id.IsExported()
}

func TestHouse_fileLength(t *testing.T) {
	for _, s := range sources(t) {
		data, err := os.ReadFile(s.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), "\n"); n > 800 {
			t.Errorf("%s has %d lines: split it before 800", s.file, n)
		}
	}
}
