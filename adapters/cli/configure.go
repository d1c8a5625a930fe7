package cli

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/devices"
	"github.com/heddlehq/heddle/adapters/network"
)

type configuring struct {
	targets
	Lines  []string `json:"lines" doc:"configuration lines; one text may hold several"`
	DryRun bool     `json:"dryRun,omitempty" doc:"show the difference and discard it; only for platforms with a candidate configuration"`
	Save   bool     `json:"save,omitempty" doc:"keep the configuration for the device's next start; platforms that commit do so anyway"`
}

// Change is the result of configuring one device.
type Change struct {
	Answer
	Diff      string `json:"diff,omitempty"`      // what changed or, in a dry run, would; where the platform tells
	Committed bool   `json:"committed"`           // the lines are in force
	Discarded bool   `json:"discarded,omitempty"` // nothing of it stayed
	Saved     bool   `json:"saved,omitempty"`
}

type changes struct {
	Results []Change `json:"results"`
}

func configure(ctx context.Context, call *adapters.Call, in configuring) (changes, error) {
	lines, err := configLines(in.Lines)
	if err != nil {
		return changes{}, network.Wrong("%v", err)
	}
	n := adapters.Client[*devices.Network](call)
	found, err := n.Targets(in.Devices, in.Groups)
	if err != nil {
		return changes{}, err
	}
	for _, t := range found {
		if in.DryRun && dialects[t.Platform].diff == "" {
			return changes{}, network.Wrong("/dryRun: %s runs %s, which has no candidate configuration", t.Name, t.Platform)
		}
	}
	out := changes{make([]Change, len(found))}
	errs := n.Each(ctx, call, found, func(ctx context.Context, i int) error {
		c := &out.Results[i]
		err := in.one(ctx, n, found[i], func(s *session) error {
			err := s.configure(ctx, call.Order.Key, lines, in, c)
			if err != nil && !c.Discarded {
				call.Log(slog.LevelWarn, "the configuration was broken off", "device", s.target.Name, "lines", len(c.Outputs), "of", len(lines))
			}
			return err
		})
		c.Success, c.Error = err == nil, devices.ProblemOf(err)
		return err
	})
	for i := range out.Results {
		c := &out.Results[i]
		c.Device, c.Host = found[i].Name, found[i].Host
		if errs[i] != nil && c.Error == nil {
			c.Error = devices.ProblemOf(errs[i])
		}
	}
	return out, devices.Ending(ctx, found, errs, out.Results)
}

// configure sends the lines. With a candidate configuration they come into force together, or
// are discarded; else each does at once, up to the first that is turned down.
func (s *session) configure(ctx context.Context, key string, lines []string, in configuring, c *Change) error {
	d := dialects[s.target.Platform]
	if err := s.enter(ctx, d, key); err != nil {
		return err
	}
	for i, line := range lines {
		out, err := s.run(ctx, line)
		c.Outputs = append(c.Outputs, out)
		switch {
		case err != nil:
			return s.broken(err, d.commit != "", fmt.Sprintf("line %d of %d", i+1, len(lines)))
		case out.Rejected != "":
			return s.rejected(ctx, d, c, fmt.Sprintf("line %d, %q", i+1, line), out.Rejected)
		}
	}
	if d.diff != "" {
		out, err := s.run(ctx, d.diff)
		if err != nil {
			return s.broken(err, true, "asking for the difference")
		}
		c.Diff = out.Output
	}
	if in.DryRun {
		return s.discard(ctx, d, c)
	}
	if d.commit != "" {
		out, err := s.run(ctx, d.commit)
		if err != nil {
			return s.broken(err, false, "committing")
		}
		for _, sign := range d.fails {
			if out.Rejected == "" && strings.Contains(out.Output, sign) {
				out.Rejected = reason(out.Output, sign)
			}
		}
		if out.Rejected != "" {
			return s.rejected(ctx, d, c, "the commit", out.Rejected)
		}
	}
	c.Committed = true
	if err := s.leave(ctx); err != nil {
		return s.broken(err, false, "leaving the configuration mode")
	}
	return s.save(ctx, in.Save, d, c)
}

// enter goes to the configuration mode, in a session of its own where there are such.
func (s *session) enter(ctx context.Context, d dialect, key string) error {
	if s.modes == nil {
		return nil
	}
	level, ok := s.modes.PrivilegeLevels[modeConfig]
	if !ok {
		return network.Wrong("%s runs %s, whose configuration mode is not known", s.target.Name, s.target.Platform)
	}
	if d.enter != "" {
		level.Escalate = d.enter
		if strings.Contains(d.enter, "%s") {
			h := fnv.New32a()
			h.Write([]byte(key))
			level.Escalate = fmt.Sprintf(d.enter, fmt.Sprintf("heddle-%08x", h.Sum32()))
		}
	}
	return s.mode(ctx, modeConfig)
}

func (s *session) leave(ctx context.Context) error {
	if s.modes == nil {
		return nil
	}
	s.modes.CurrentPriv = "" // some commits leave the mode by themselves
	return s.mode(ctx, s.modes.DefaultDesiredPriv)
}

func (s *session) discard(ctx context.Context, d dialect, c *Change) error {
	if _, err := s.run(ctx, d.discard); err != nil {
		return s.broken(err, true, "discarding")
	}
	c.Discarded = true
	return s.leave(ctx)
}

// rejected ends a configuration that the device turned down.
func (s *session) rejected(ctx context.Context, d dialect, c *Change, what, why string) error {
	e := &adapters.Error{Class: adapters.ClassRemote, Text: what + ", was turned down: " + why, Retryable: new(bool)}
	switch {
	case d.discard != "":
		if err := s.discard(ctx, d, c); err != nil {
			e.Text += "; the rest could not be discarded: " + err.Error()
		}
	default:
		if n := len(c.Outputs) - 1; n > 0 {
			e.Text += fmt.Sprintf("; the %d before it are in force", n)
		}
		if err := s.leave(ctx); err != nil {
			e.Text += "; " + err.Error()
		}
	}
	return e
}

// broken says where a configuration broke off. Another try is safe only if nothing came into force.
func (s *session) broken(err error, candidate bool, where string) error {
	p := devices.ProblemOf(err)
	e := &adapters.Error{Class: p.Class, Text: where + ": " + p.Message, Retryable: &candidate}
	return e
}

func (s *session) save(ctx context.Context, wanted bool, d dialect, c *Change) error {
	if !wanted || d.save == "" {
		return nil
	}
	out, err := s.run(ctx, d.save)
	if err != nil {
		return s.broken(err, false, "saving")
	}
	if out.Rejected != "" {
		return &adapters.Error{Class: adapters.ClassRemote, Text: "saving was turned down: " + out.Rejected, Retryable: new(bool)}
	}
	c.Saved = true
	return nil
}
