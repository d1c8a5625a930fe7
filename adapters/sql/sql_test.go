package sql_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/adaptertest"
	"github.com/heddlehq/heddle/adapters/sql"
	"github.com/heddlehq/heddle/workflows/value"
)

func call(t *testing.T, config value.Value, method, in string) value.Value {
	t.Helper()
	secrets := func(context.Context, string) (string, error) { return "opensesame", nil }
	v, err := adaptertest.Call(t.Context(), sql.Kind(), adapters.Instance{ID: "db", Config: config}, secrets, method, value.MustParse(in))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.String(), "opensesame") {
		t.Errorf("a secret in %s", v)
	}
	return v
}

func wantError(t *testing.T, v value.Value, class, text string, retryable bool) {
	t.Helper()
	e := v.Get("error")
	if e.Get("class").Text() != class || !strings.Contains(e.Get("message").Text(), text) || e.Get("retryable").Truth() != retryable {
		t.Errorf("got %s, want %s: %s, retryable %t", v, class, text, retryable)
	}
}

func sqlite(t *testing.T) value.Value {
	t.Helper()
	return value.Object("driver", value.String("sqlite"), "path", value.String(filepath.Join(t.TempDir(), "a?b %41.db")), "timeoutSeconds", value.Int(10))
}

// postgres is the configuration of a server of this test run, or of the one that
// HEDDLE_TEST_POSTGRES names as user:password@host:port/database.
func postgres(t *testing.T) value.Value {
	t.Helper()
	address := os.Getenv("HEDDLE_TEST_POSTGRES")
	if address == "" {
		starting.Do(func() { started, stop = start() })
		if address = started; !strings.Contains(address, "@") {
			t.Skip(address)
		}
	}
	c, err := pgx.ParseConfig("postgres://" + address + "?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	return value.Object(
		"driver", value.String("postgres"), "host", value.String(net.JoinHostPort(c.Host, fmt.Sprint(c.Port))), "database", value.String(c.Database),
		"user", value.String(c.User), "password", value.String(c.Password), "security", value.String("none"), "allow", value.Strings("127.0.0.0/8"), "timeoutSeconds", value.Int(10),
	)
}

var (
	starting sync.Once
	started  string // the address, or why there is none
	stop     = func() {}
)

func TestMain(m *testing.M) {
	code := m.Run()
	stop()
	os.Exit(code)
}

// start runs a server in a temporary folder, as a user that it does not refuse.
func start() (address string, stop func()) {
	none := func() {}
	if testing.Short() {
		return "a server of its own takes too long for a short run", none
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return "there is no PostgreSQL here", none
	}
	dir, err := os.MkdirTemp("", "sql")
	if err != nil {
		return err.Error(), none
	}
	stop = func() { _ = os.RemoveAll(dir) } // it is temporary anyway
	attributes := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return "PostgreSQL does not run as root", stop
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return err.Error(), stop
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	run := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(name, args...)
		c.SysProcAttr, c.Dir = attributes, dir
		return c
	}
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("opensesame"), 0o644); err != nil {
		return err.Error(), stop
	}
	data := filepath.Join(dir, "data")
	if out, err := run(initdb, "-D", data, "-U", "heddle", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--no-sync").CombinedOutput(); err != nil {
		return fmt.Sprintf("initdb: %v: %s", err, out), stop
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err.Error(), stop
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close() // for the server
	server := run(filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data, "-p", fmt.Sprint(port), "-h", "127.0.0.1", "-k", dir, "-c", "fsync=off")
	if err := server.Start(); err != nil {
		return err.Error(), stop
	}
	stop = func() {
		_ = server.Process.Signal(syscall.SIGQUIT)
		_ = server.Wait()
		_ = os.RemoveAll(dir) // it is temporary anyway
	}
	address = fmt.Sprintf("heddle:opensesame@127.0.0.1:%d/postgres", port)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, "postgres://"+address+"?sslmode=disable")
		if err == nil {
			_ = c.Close(ctx) // it was only to see
			return address, stop
		}
		select {
		case <-ctx.Done():
			return err.Error(), stop
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// both runs a test against each kind of database.
func both(t *testing.T, test func(t *testing.T, config value.Value)) {
	for name, config := range map[string]func(*testing.T) value.Value{"sqlite": sqlite, "postgres": postgres} {
		t.Run(name, func(t *testing.T) { test(t, config(t)) })
	}
}

func TestBoth(t *testing.T) {
	both(t, func(t *testing.T, config value.Value) {
		must := func(method, in, want string) {
			t.Helper()
			if got := call(t, config, method, in).Get("outgoing").String(); got != want {
				t.Errorf("%s %s gives %s, want %s", method, in, got, want)
			}
		}
		must("exec", `{"sql":"create table devices (id integer primary key, name text unique not null, load double precision, site text)"}`, `{"affected":0,"rows":[]}`)
		must("exec", `{"sql":"insert into devices values ($1,$2,$3,$4),(2,'r2',0.5,null)","parameters":[1,"r1'; drop table devices; --",1.25,"ber"]}`, `{"affected":2,"rows":[]}`)
		must("query", `{"sql":"select * from devices where id = $1","parameters":[1]}`, `{"rows":[{"id":1,"name":"r1'; drop table devices; --","load":1.25,"site":"ber"}],"columns":["id","name","load","site"],"count":1,"truncated":false}`)
		must("query", `{"sql":"select id, id, site from devices where name = @name","parameters":{"name":"r2"}}`, `{"rows":[{"id":2,"id_2":2,"site":null}],"columns":["id","id_2","site"],"count":1,"truncated":false}`)
		must("query", `{"sql":"select id from devices order by id","maxRows":1}`, `{"rows":[{"id":1}],"columns":["id"],"count":1,"truncated":true}`)
		must("query", `{"sql":"select id from devices where id = 77","parameters":""}`, `{"rows":[],"columns":["id"],"count":0,"truncated":false}`)
		must("exec", `{"sql":"update devices set site = @s returning id","parameters":{"s":"muc"}}`, `{"affected":2,"rows":[{"id":1},{"id":2}]}`)
		must("transaction", `{"statements":[{"sql":"delete from devices where id = 1","expect":1},{"sql":"insert into devices (id, name) values ($1, $2)","parameters":[3,"r3"]}]}`,
			`{"results":[{"affected":1,"rows":[]},{"affected":1,"rows":[]}]}`)

		wantError(t, call(t, config, "transaction", `{"statements":[{"sql":"delete from devices"},{"sql":"update devices set site = 'x' where id = 99","expect":1}]}`), "remote", "/statements/1 changed 0 rows, not 1", false)
		wantError(t, call(t, config, "transaction", `{"statements":[{"sql":"delete from devices"},{"sql":"nonsense"}]}`), "input", "syntax error", false)
		wantError(t, call(t, config, "transaction", `{"statements":[]}`), "input", "/statements must be from 1 to 1000", false)
		wantError(t, call(t, config, "exec", `{"sql":"insert into devices (id, name) values (4, 'r2')"}`), "remote", "constraint", false)
		wantError(t, call(t, config, "query", `{"sql":"select * from nowhere"}`), "input", "nowhere", false)
		wantError(t, call(t, config, "query", `{"sql":"select $1, $2","parameters":[1]}`), "input", "", false)
		wantError(t, call(t, config, "query", `{"sql":"select @a","parameters":{"b":1}}`), "input", "", false)
		wantError(t, call(t, config, "query", `{"sql":"select 1","parameters":5}`), "input", "/parameters must be a list or an object", false)
		wantError(t, call(t, config, "query", `{"sql":"  "}`), "input", "/sql must be a statement", false)
		wantError(t, call(t, config, "exec", `{"sql":"commit"}`), "input", "/sql must not be COMMIT", false)
		wantError(t, call(t, config, "query", `{"sql":"delete from devices returning id"}`), "input", "read", false)
		wantError(t, call(t, config, "query", `{"sql":"select 1","maxRows":5000}`), "input", "/maxRows must be from 0 to 1000", false)
		wantError(t, call(t, config.With("maxBytes", value.Int(10)), "query", `{"sql":"select * from devices"}`), "limit", "larger than the adapter instance allows", false)
		wantError(t, call(t, config.With("readOnly", value.True), "exec", `{"sql":"delete from devices"}`), "input", "takes queries only", false)
		endless := `{"sql":"with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n where i < 0"}`
		wantError(t, call(t, config.With("timeoutSeconds", value.Int(1)), "query", endless), "timeout", "did not answer in time", true)
		must("query", `{"sql":"select count(*) as n from devices"}`, `{"rows":[{"n":2}],"columns":["n"],"count":1,"truncated":false}`)
	})
}

func TestSQLite(t *testing.T) {
	config := sqlite(t)
	other := filepath.Join(t.TempDir(), "other.db")
	if v := call(t, config, "exec", `{"sql":"create table t (a, b)"}`); v.Get("finishState").Text() != "success" {
		t.Fatal(v)
	}
	for _, statement := range []string{"attach database '" + other + "' as o", "vacuum into '" + other + "'"} {
		if v := call(t, config, "exec", value.Object("sql", value.String(statement)).String()); v.Get("finishState").Text() != "error" {
			t.Errorf("%s: %s", statement, v)
		}
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a statement wrote another file")
	}
	wantError(t, call(t, config.With("path", value.String("here.db")), "query", `{"sql":"select 1"}`), "input", "/path must be an absolute path", false)
	wantError(t, call(t, config.With("path", value.String("/nowhere/x.db")), "exec", `{"sql":"select 1"}`), "input", "unable to open", false)
	wantError(t, call(t, config.With("host", value.String("x")), "exec", `{"sql":"select 1"}`), "input", "are for postgres only", false)
	if v := call(t, config, "exec", `{"sql":"insert into t values ($1, $2) returning a, b","parameters":[{"k":[1]},true]}`); v.Path("outgoing", "rows").String() != `[{"a":"{\"k\":[1]}","b":1}]` {
		t.Error(v)
	}
	if v := call(t, config, "query", `{"sql":"select 9007199254740993 as big, x'00ff' as bytes"}`); v.Path("outgoing", "rows").String() != `[{"big":9007199254740993,"bytes":"AP8="}]` {
		t.Error(v)
	}
}

func TestPostgres(t *testing.T) {
	config := postgres(t)
	for in, want := range map[string]string{
		`{"sql":"select 1.50::numeric as n, 12345678901234567890.5::numeric as m, 'nan'::float8 as f"}`:                      `[{"n":1.50,"m":12345678901234567890.5,"f":"NaN"}]`,
		`{"sql":"select '{\"a\":[1]}'::jsonb as j, array[1,2] as l, array['a'] as t, null::text as z"}`:                      `[{"j":{"a":[1]},"l":[1,2],"t":["a"],"z":null}]`,
		`{"sql":"select '10.0.0.1'::inet as i, '00000000-0000-0000-0000-00000000000a'::uuid as u, '2026-01-02'::date as d"}`: `[{"i":"10.0.0.1/32","u":"00000000-0000-0000-0000-00000000000a","d":"2026-01-02T00:00:00Z"}]`,
		`{"sql":"select x from unnest(array['a','b','c']) x where x = any($1)","parameters":[["a","c"]]}`:                    `[{"x":"a"},{"x":"c"}]`,
		`{"sql":"select $1::jsonb as j, $2::jsonb as l, $3::int as n","parameters":[{"a":1},[1,"x"],"7"]}`:                   `[{"j":{"a":1},"l":[1,"x"],"n":7}]`,
		`{"sql":"select 9007199254740993::bigint as big, '1 day 02:03:04'::interval as i"}`:                                  `[{"big":9007199254740993,"i":"1 day 02:03:04"}]`,
	} {
		if got := call(t, config, "query", in); got.Path("outgoing", "rows").String() != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if v := call(t, config, "exec", `{"sql":"select 1; select 2"}`); v.Path("error", "class").Text() != "input" {
		t.Errorf("two statements: %s", v)
	}
	v := call(t, config, "exec", `{"sql":"select * from nowhere"}`)
	if v.Path("error", "code").Text() != "42P01" {
		t.Error(v)
	}
	wantError(t, call(t, config.With("password", value.String("wrong")), "query", `{"sql":"select 1"}`), "auth", "password authentication failed", false)
	wantError(t, call(t, config.Without("allow"), "query", `{"sql":"select 1"}`), "input", "may not be reached", false)
	wantError(t, call(t, config.With("host", value.String("127.0.0.1:1")), "query", `{"sql":"select 1"}`), "network", "cannot be reached", true)
	wantError(t, call(t, config.With("host", value.String("/var/run/postgresql")), "query", `{"sql":"select 1"}`), "input", "may not be reached", false)
	wantError(t, call(t, config.Without("security"), "query", `{"sql":"select 1"}`), "network", "TLS", true)
	wantError(t, call(t, config.Without("user"), "query", `{"sql":"select 1"}`), "input", "/user must be given", false)
	wantError(t, call(t, config.With("path", value.String("/x")), "query", `{"sql":"select 1"}`), "input", "/path is for sqlite only", false)
	wantError(t, call(t, config, "transaction", `{"statements":[{"sql":"select 1"}],"isolation":"chaos"}`), "input", "/isolation must be equal to one of", false)
	if v := call(t, config, "transaction", `{"statements":[{"sql":"select 1 as a"}],"isolation":"serializable"}`); v.Path("outgoing", "results").String() != `[{"affected":1,"rows":[{"a":1}]}]` {
		t.Error(v)
	}
}
