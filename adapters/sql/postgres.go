package sql

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

type postgres struct {
	pool  *pgxpool.Pool
	where string
}

func openPostgres(c *Config) (*postgres, error) {
	if c.Path != "" {
		return nil, network.Wrong("/path is for sqlite only")
	}
	where, err := network.Address("/host", c.Host, 5432)
	if err != nil {
		return nil, err
	}
	if c.User == "" {
		return nil, network.Wrong("/user must be given")
	}
	// Nothing of the environment's settings stays: all that decides where to go is set below.
	config, err := pgxpool.ParseConfig("postgres://localhost/?sslmode=disable")
	if err != nil {
		return nil, network.Wrong("the environment of the process keeps the driver from starting: %v", err)
	}
	guard, err := c.Guard()
	if err != nil {
		return nil, err
	}
	to := config.ConnConfig
	host, port, _ := net.SplitHostPort(where)
	number, _ := strconv.ParseUint(port, 10, 16) // Address has checked it
	to.Host, to.Port, to.Database, to.User, to.Password = host, uint16(number), c.Database, c.User, c.Password
	to.Fallbacks, to.TLSConfig, to.ConnectTimeout = nil, nil, 10*time.Second
	to.RuntimeParams = map[string]string{"application_name": "heddle"}
	to.DialFunc = guard.DialContext
	if c.Security != "none" {
		if to.TLSConfig, err = c.TLS.Config("/tls", host); err != nil {
			return nil, err
		}
	}
	config.MaxConns, config.MinConns, config.MaxConnIdleTime = int32(c.Connections), 0, time.Minute
	pool, err := pgxpool.NewWithConfig(context.Background(), config) // connects when it is used
	if err != nil {
		return nil, network.Wrong("%v", err)
	}
	return &postgres{pool, where}, nil
}

func (p *postgres) Close() error {
	p.pool.Close()
	return nil
}

func (p *postgres) within(ctx context.Context, readOnly bool, isolation string, do func(session) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.TxIsoLevel(isolation)}
	if readOnly {
		options.AccessMode = pgx.ReadOnly
	}
	return pgx.BeginTxFunc(ctx, p.pool, options, func(tx pgx.Tx) error { return do(postgresSession{tx}) })
}

type postgresSession struct{ tx pgx.Tx }

func (s postgresSession) run(ctx context.Context, q *statement, into *rows) (int64, error) {
	if err := q.check(); err != nil {
		return 0, err
	}
	var args []any
	switch {
	case q.Parameters.IsNothing(), q.Parameters.IsString() && q.Parameters.Text() == "":
	case q.Parameters.IsArray():
		for _, v := range q.Parameters.Elements() {
			args = append(args, postgresArg(v))
		}
	case q.Parameters.IsObject():
		named := pgx.StrictNamedArgs{}
		for name, v := range q.Parameters.Members() {
			named[name] = postgresArg(v)
		}
		args = []any{named}
	default:
		return 0, network.Wrong("/parameters must be a list or an object, not %s", q.Parameters.Kind())
	}
	got, err := s.tx.Query(ctx, q.SQL, args...)
	if err != nil {
		return 0, err
	}
	defer got.Close()
	var names []string
	for _, f := range got.FieldDescriptions() {
		names = append(names, f.Name)
	}
	into.named(names)
	for got.Next() {
		if into.full() {
			break
		}
		values, err := got.Values()
		if err != nil {
			return 0, err
		}
		row := make([]value.Value, len(values))
		for i, v := range values {
			row[i] = jsonOf(v)
		}
		if err := into.add(row); err != nil {
			return 0, err
		}
	}
	got.Close()
	return got.CommandTag().RowsAffected(), got.Err()
}

// postgresArg makes lists of one kind what PostgreSQL's arrays are made of; they do for JSON columns, too.
func postgresArg(v value.Value) any {
	if !v.IsArray() || v.Len() == 0 {
		return goOf(v)
	}
	texts, whole, numbers := []string{}, []int64{}, []float64{}
	for _, e := range v.Elements() {
		if e.IsString() {
			texts = append(texts, e.Text())
		}
		if n, ok := e.Int(); ok && e.IsNumber() {
			whole = append(whole, n)
		}
		if e.IsNumber() {
			numbers = append(numbers, e.Float())
		}
	}
	switch v.Len() {
	case len(texts):
		return texts
	case len(whole):
		return whole
	case len(numbers):
		return numbers
	}
	return goOf(v)
}

// because goes by the classes of SQLSTATE.
func (p *postgres) because(ctx context.Context, err error) error {
	if _, ours := errors.AsType[*adapters.Error](err); ours {
		return network.Unreached(ctx, "the database", err)
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if ctx.Err() != nil || !ok {
		if _, reached := errors.AsType[*pgconn.ConnectError](err); ok || reached || ctx.Err() != nil || network.Down(err) || pgconn.SafeToRetry(err) {
			return network.Unreached(ctx, p.where, err)
		}
		return network.Wrong("%v", err) // the driver itself objects: a parameter does not fit
	}
	out := network.Remote(false, "%s: %s", p.where, strings.TrimSpace(err.Error()))
	switch e.Code[:2] {
	case "28":
		out.Class = adapters.ClassAuth
	case "22", "42", "25", "26", "0A":
		out.Class = engine.ClassInput
	case "40", "53", "55", "58":
		out.Retryable = new(true)
	case "57":
		out.Retryable = new(true)
		if e.Code == "57014" {
			out.Class = adapters.ClassTimeout
		}
	}
	out.Details = value.Object("code", value.String(e.Code))
	return out
}
