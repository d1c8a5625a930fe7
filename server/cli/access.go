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
	oidc            server.OIDC
	oidcRoles       []string
}

func (f *accessFlags) flags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.origins, "cors-origin", nil, "`origins` such as https://portal.example.net whose pages may call the API with a token")
	flags.StringSliceVar(&f.rates, "rate-limit", nil, "calls a second as `kind=number`, 0 for no limit: login and token by address, start, query and preview by account, endpoint by trigger")
	flags.BoolVar(&f.basic, "basic-auth", false, "let service accounts show their id and secret with each call, over TLS alone")
	flags.BoolVar(&f.profiles, "pprof", false, "let administrators profile the process at /heddle/pprof/")
	flags.StringVar(&f.oidc.Issuer, "oidc-issuer", "", "`URL` of an OpenID Connect provider where people log in")
	flags.StringVar(&f.oidc.ClientID, "oidc-client-id", "", "`id` of this server at the provider")
	flags.StringVar(&f.oidc.ClientSecret, "oidc-client-secret", "", "secret of this server at the provider; best given as HEDDLE_OIDC_CLIENT_SECRET")
	flags.StringVar(&f.oidc.Redirect, "oidc-redirect", "", "`URL` of /login/oidc/callback as browsers reach it")
	flags.StringVar(&f.oidc.Claim, "oidc-groups-claim", "groups", "`name` of the claim that lists a person's groups")
	flags.StringSliceVar(&f.oidcRoles, "oidc-role", nil, "role of the members of a provider's group, as `group=role`")
	flags.StringVar(&f.oidc.Default, "oidc-default-role", "", "`role` of those whose groups have none; without it they may not log in")
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

// provider reads the --oidc flags; nil without an issuer.
func (f *accessFlags) provider() (*server.OIDC, error) {
	if f.oidc.Issuer == "" {
		return nil, nil
	}
	o := f.oidc
	o.Roles = map[string]string{}
	for _, text := range f.oidcRoles {
		group, role, ok := strings.Cut(text, "=")
		if !ok || group == "" {
			return nil, fmt.Errorf("--oidc-role %q must be a group and a role, such as netops=operator", text)
		}
		o.Roles[group] = role
	}
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("--oidc-issuer and its companions: %w", err)
	}
	return &o, nil
}

func (f *accessFlags) check() error {
	var wrong []error
	if _, err := f.provider(); err != nil {
		wrong = append(wrong, err)
	}
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
	o.OIDC, _ = f.provider() // checked
	o.Origins, o.Basic, o.Profiles = f.origins, f.basic, f.profiles
	return o
}
