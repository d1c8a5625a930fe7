package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/heddlehq/heddle/server"
)

// accessFlags say how callers of a server are let in.
type accessFlags struct {
	origins, rates  []string
	basic, profiles bool
	idle, absolute  time.Duration
}

func (f *accessFlags) flags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.origins, "cors-origin", nil, "`origins` such as https://portal.example.net whose pages may call the API with a token")
	flags.StringSliceVar(&f.rates, "rate-limit", nil, "calls a second as `kind=number`, 0 for no limit: login and token by address, start, query and preview by account, endpoint by trigger")
	flags.BoolVar(&f.basic, "basic-auth", false, "let service accounts show their id and secret with each call, over TLS alone")
	flags.BoolVar(&f.profiles, "pprof", false, "let administrators profile the process at /heddle/pprof/")
	flags.DurationVar(&f.idle, "session-idle", 2*time.Hour, "end a session that is not used for so long")
	flags.DurationVar(&f.absolute, "session-max", 24*time.Hour, "end every session after so long")
}

// limits reads --rate-limit.
func (f *accessFlags) limits() (server.Limits, error) {
	out := server.Limits{}
	for _, text := range f.rates {
		kind, number, ok := strings.Cut(text, "=")
		n, err := strconv.ParseFloat(number, 64)
		if !ok || err != nil || n < 0 || n > 1e9 {
			return nil, fmt.Errorf("--rate-limit %q must be a kind and a number, such as start=100", text)
		}
		out[kind] = n
	}
	if err := out.Check(); err != nil {
		return nil, fmt.Errorf("--rate-limit: %w", err)
	}
	return out, nil
}

func (f *accessFlags) check() error {
	var wrong []error
	if _, err := f.limits(); err != nil {
		wrong = append(wrong, err)
	}
	if f.idle < time.Minute || f.absolute < f.idle {
		wrong = append(wrong, errors.New("--session-idle must be a minute or more, and --session-max no less than it"))
	}
	if err := server.CheckOrigins(f.origins); err != nil {
		wrong = append(wrong, fmt.Errorf("--cors-origin: %w", err))
	}
	return errors.Join(wrong...)
}

// options adds what the flags say, which check found right.
func (f *accessFlags) options(o server.Options) server.Options {
	o.Limits, _ = f.limits() // checked
	o.Origins, o.Basic, o.Profiles = f.origins, f.basic, f.profiles
	return o
}
