// Package sql is an adapter for PostgreSQL and SQLite databases. Values travel beside statements
// as parameters, $1 or @name, and are never made part of their text.
//
//	{"driver": "postgres", "host": "db.example.com", "database": "inventory", "user": "heddle",
//	 "password": "$secret.inventory", "allow": ["10.1.0.0/16"]}
//	{"driver": "sqlite", "path": "/var/lib/inventory.db", "readOnly": true}
package sql

import (
	"context"
	"fmt"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

// App is how tasks name the adapter.
const App = "SQL"

// Config is the configuration of an instance.
type Config struct {
	Driver   string `json:"driver" enum:"postgres,sqlite" doc:"what kind of database it is"`
	Path     string `json:"path,omitempty" doc:"sqlite: absolute path of the file"`
	Host     string `json:"host,omitempty" doc:"postgres: host, with the port unless that is 5432"`
	Database string `json:"database,omitempty" doc:"postgres: name of the database; the user's unless given"`
	User     string `json:"user,omitempty" doc:"postgres"`
	Password string `json:"password,omitempty" secret:"true" doc:"postgres"`
	Security string `json:"security,omitempty" enum:"tls,none" doc:"postgres: tls unless given"`
	network.Config
	TLS            network.TLS `json:"tls,omitzero" doc:"postgres: how the server proves who it is"`
	ReadOnly       bool        `json:"readOnly,omitempty" doc:"take queries only"`
	Connections    int         `json:"connections,omitempty" doc:"at once; 4 unless given, 100 at most"`
	TimeoutSeconds int         `json:"timeoutSeconds,omitempty" doc:"of one call; 30 unless given, 3600 at most"`
	MaxRows        int         `json:"maxRows,omitempty" doc:"most rows a query gives; 1000 unless given, 100000 at most"`
	MaxBytes       int64       `json:"maxBytes,omitempty" doc:"largest result; 4 MiB unless given, 64 MiB at most"`
}

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Asks and changes PostgreSQL and SQLite databases.", Config: adapters.SchemaOf[Config](),
		Open: func(_ context.Context, i adapters.Instance) (any, error) { return open(i) },
		Methods: []adapters.Spec{
			adapters.Method("exec", exec).Says("Runs one statement that changes something.").MayWarn(),
			adapters.Method("query", query).Says("Gets the rows of one query, in a transaction that cannot write.").ReadOnly().MayWarn(),
			adapters.Method("transaction", transaction).Says("Runs several statements, all of them or none.").MayWarn(),
		},
	}
}

// database runs statements; postgres and sqlite are the two there are.
type database interface {
	// within runs do in a transaction, and takes everything back when it returns an error.
	within(ctx context.Context, readOnly bool, isolation string, do func(session) error) error
	// because classifies an error of the driver.
	because(ctx context.Context, err error) error
	Close() error
}

// session is a transaction.
type session interface {
	run(ctx context.Context, s *statement, into *rows) (affected int64, err error)
}

// client is what the calls of an instance share.
type client struct {
	Config
	database
	timeout time.Duration
}

// Close lets go of the connections.
func (c *client) Close() error { return c.database.Close() }

func open(i adapters.Instance) (*client, error) {
	c := &client{}
	err := i.Config.Decode(&c.Config)
	if err != nil {
		return nil, network.Wrong("%v", err)
	}
	if c.Connections, err = network.Bounds("/connections", c.Connections, 4, 100); err != nil {
		return nil, err
	}
	if c.TimeoutSeconds, err = network.Bounds("/timeoutSeconds", c.TimeoutSeconds, 30, 3600); err != nil {
		return nil, err
	}
	if c.MaxRows, err = network.Bounds("/maxRows", c.MaxRows, 1000, 100_000); err != nil {
		return nil, err
	}
	if c.MaxBytes, err = network.Bounds("/maxBytes", c.MaxBytes, 4<<20, 64<<20); err != nil {
		return nil, err
	}
	c.timeout = time.Duration(c.TimeoutSeconds) * time.Second
	if c.Driver == "sqlite" {
		c.database, err = openSQLite(&c.Config)
	} else {
		c.database, err = openPostgres(&c.Config)
	}
	return c, err
}

type statement struct {
	SQL        string      `json:"sql" doc:"the statement, with $1, $2 ... or @name where values go"`
	Parameters value.Value `json:"parameters,omitzero" doc:"the values: a list for $1, $2 ..., an object for @name"`
}

type queryInput struct {
	statement
	MaxRows int `json:"maxRows,omitempty" doc:"fewer than the adapter instance allows"`
}

type queryOutput struct {
	Rows      []value.Value `json:"rows" doc:"an object for each row"`
	Columns   []string      `json:"columns" doc:"names of the columns in order"`
	Count     int           `json:"count" doc:"how many rows there are here"`
	Truncated bool          `json:"truncated" doc:"whether there are more rows than these"`
}

func query(ctx context.Context, call *adapters.Call, in queryInput) (queryOutput, error) {
	c := adapters.Client[*client](call)
	most, err := network.Bounds("/maxRows", in.MaxRows, c.MaxRows, c.MaxRows)
	if err != nil {
		return queryOutput{}, err
	}
	got := c.rows(most)
	err = c.do(ctx, true, "", func(ctx context.Context, s session) error {
		_, err := s.run(ctx, &in.statement, got)
		return err
	})
	return queryOutput{got.list, got.columns, len(got.list), got.truncated}, err
}

type execOutput struct {
	Affected int64         `json:"affected" doc:"how many rows were changed"`
	Rows     []value.Value `json:"rows" doc:"what RETURNING gives"`
}

func exec(ctx context.Context, call *adapters.Call, in statement) (execOutput, error) {
	results, err := adapters.Client[*client](call).change(ctx, "", []step{{statement: in}})
	if err != nil {
		return execOutput{}, err
	}
	return results[0], nil
}

type step struct {
	statement
	Expect *int64 `json:"expect,omitempty" doc:"how many rows it must change; with another number everything is taken back"`
}

type transactionInput struct {
	Statements []step `json:"statements" doc:"what to run, in order"`
	Isolation  string `json:"isolation,omitempty" enum:"serializable,repeatable read,read committed" doc:"postgres: how far it is kept from others; the server's default unless given"`
}

type transactionOutput struct {
	Results []execOutput `json:"results" doc:"one for each statement"`
}

// maxStatements bounds a transaction.
const maxStatements = 1000

func transaction(ctx context.Context, call *adapters.Call, in transactionInput) (transactionOutput, error) {
	if n := len(in.Statements); n == 0 || n > maxStatements {
		return transactionOutput{}, network.Wrong("/statements must be from 1 to %d, not %d", maxStatements, n)
	}
	results, err := adapters.Client[*client](call).change(ctx, in.Isolation, in.Statements)
	return transactionOutput{results}, err
}

// change runs statements in a transaction.
func (c *client) change(ctx context.Context, isolation string, steps []step) ([]execOutput, error) {
	if c.ReadOnly {
		return nil, network.Wrong("the adapter instance takes queries only")
	}
	var out []execOutput
	err := c.do(ctx, false, isolation, func(ctx context.Context, s session) error {
		out = make([]execOutput, 0, len(steps))
		for i := range steps {
			got := c.rows(c.MaxRows)
			n, err := s.run(ctx, &steps[i].statement, got)
			if err != nil {
				if len(steps) > 1 {
					return fmt.Errorf("/statements/%d: %w", i, err)
				}
				return err
			}
			if want := steps[i].Expect; want != nil && n != *want {
				return network.Remote(false, "/statements/%d changed %d rows, not %d; everything is taken back", i, n, *want)
			}
			if got.truncated {
				return network.TooMuch("/statements/%d gives more than %d rows; everything is taken back", i, c.MaxRows)
			}
			out = append(out, execOutput{n, got.list})
		}
		return nil
	})
	return out, err
}

// do runs a transaction within the instance's time.
func (c *client) do(ctx context.Context, readOnly bool, isolation string, do func(context.Context, session) error) error {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	err := c.within(bounded, readOnly, isolation, func(s session) error { return do(bounded, s) })
	if err == nil {
		return nil
	}
	return c.because(ctx, err)
}
