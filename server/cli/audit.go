package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/server/audit"
	"github.com/heddlehq/heddle/server/system"
	"github.com/heddlehq/heddle/workflows/value"
)

func newAudit(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "See who did what, and verify that the log is whole",
		Long: `The audit log has an entry for every call that changes something, every export, every login
and every denial. The entries form a chain: whoever changes, removes or inserts one breaks it.`,
	}
	cmd.AddCommand(newAuditList(c), newAuditExport(c), newAuditVerify(c))
	return cmd
}

func newAuditList(c *console) *cobra.Command {
	var r remote
	var limit, skip int
	var since time.Duration
	filters := map[string]*string{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List entries, the newest first",
		Example: `  heddle audit list --limit 50
  heddle audit list --target job/6b00992e8c51dce6a512b11d
  heddle audit list --who ada --since 24h --outcome 403`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"limit": {strconv.Itoa(limit)}, "skip": {strconv.Itoa(skip)}}
			for field, text := range filters {
				if prefix, ok := strings.CutSuffix(*text, "*"); ok {
					q.Set("starts-with["+field+"]", prefix)
				} else if *text != "" {
					q.Set("equals["+field+"]", *text)
				}
			}
			if since > 0 {
				q.Set("gte[at]", strconv.FormatInt(time.Now().Add(-since).UnixMilli(), 10))
			}
			answer, err := r.client().get(cmd.Context(), "/heddle/audit", q)
			if err != nil {
				return err
			}
			if r.asJSON {
				fmt.Fprintln(c.out, answer)
				return nil
			}
			return c.auditTable(answer)
		},
	}
	flags := cmd.Flags()
	r.flags(flags)
	flags.IntVar(&limit, "limit", 20, "how many")
	flags.IntVar(&skip, "skip", 0, "how many to pass over")
	flags.DurationVar(&since, "since", 0, "only entries as young as this, such as 24h")
	for field, usage := range map[string]string{
		"action":  "only this `operation`, such as startJob or login",
		"outcome": "only this HTTP `status`",
		"target":  "only what was done to this `object`, such as job/ID; job/* are all jobs",
		"who":     "only what this `account` did",
	} {
		filters[field] = flags.String(field, "", usage)
	}
	return cmd
}

func (c *console) auditTable(answer value.Value) error {
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NUMBER\tTIME\tWHO\tFROM\tACTION\tTARGET\tOUTCOME\tREASON")
	for _, e := range answer.Get("data").Elements() {
		at := e.Get("at").Text()
		if stamp, err := time.Parse(value.TimeLayout, at); err == nil {
			at = stamp.Local().Format("2006-01-02 15:04:05")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Get("seq"), at, shown(e, "who"), shown(e, "from"), shown(e, "action"),
			shown(e, "target"), shown(e, "outcome"), shown(e, "reason"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	total, _ := answer.Path("metadata", "total").Int()
	fmt.Fprintf(c.out, "%d of %d\n", answer.Get("data").Len(), total)
	return nil
}

// shown is a text that somebody else wrote, fit for a terminal.
func shown(e value.Value, key string) string {
	text := strings.Trim(strconv.Quote(e.Get(key).Text()), `"`)
	if text == "" {
		return "-"
	}
	return strings.ReplaceAll(text, `\"`, `"`)
}

func newAuditExport(c *console) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write the whole log to standard output, a line of JSON an entry",
		Example: "  heddle audit export > audit.jsonl && heddle audit verify --file audit.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := r.client().raw(cmd.Context(), http.MethodGet, "/heddle/audit/export", nil, value.Absent)
			if err != nil {
				return err
			}
			_, err = c.out.Write(data)
			return err
		},
	}
	r.flags(cmd.Flags())
	return cmd
}

func newAuditVerify(c *console) *cobra.Command {
	var data, address, file, noted string
	var r remote
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Verify that no entry was changed, removed or inserted",
		Long: `Verify walks the chain of entries and prints its head: the number and the hash of the last
one. Note it elsewhere, and give it to --noted later: a log that was cut off or written anew
from there on no longer passes through it, which nothing else can show.

It asks a running server, unless --data-dir names the store of a stopped one, --store one that
servers share, or --file an export.

Exit codes: 0 the chain is whole, 20 it is broken, 2 it cannot be read.`,
		Example: `  heddle audit verify
  heddle audit verify --noted 1204:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  heddle audit verify --data-dir /var/lib/heddle
  heddle audit verify --file audit.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			anchors, err := readAnchor(noted)
			if err != nil {
				return err
			}
			var report audit.Report
			switch {
			case file != "":
				report, err = verifyFile(file, anchors)
			case data != "":
				report, err = verifyStore(cmd.Context(), func(ctx context.Context) (store.Store, error) { return stopped(ctx, data) }, anchors)
			case address != "":
				report, err = verifyStore(cmd.Context(), func(ctx context.Context) (store.Store, error) { return system.OpenStore(ctx, address) }, anchors)
			default:
				report, err = verifyRemote(cmd.Context(), r.client(), anchors)
			}
			if err != nil {
				return err
			}
			return c.verified(report, r.asJSON)
		},
	}
	flags := cmd.Flags()
	r.flags(flags)
	flags.StringVar(&data, "data-dir", "", "`folder` of the store of a stopped server")
	flags.StringVar(&address, "store", "", "mongodb:// `address` of a store")
	flags.StringVar(&file, "file", "", "`file` that heddle audit export wrote; - reads standard input")
	flags.StringVar(&noted, "noted", "", "`NUMBER:HASH` of a head noted earlier")
	return cmd
}

func readAnchor(text string) ([]audit.Anchor, error) {
	if text == "" {
		return nil, nil
	}
	number, hash, ok := strings.Cut(text, ":")
	seq, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || seq < 1 || len(hash) != len(audit.Origin) {
		return nil, fmt.Errorf("--noted %q must be the number and the hash of an entry, NUMBER:HASH", text)
	}
	return []audit.Anchor{{Seq: seq, Hash: hash}}, nil
}

func verifyFile(file string, noted []audit.Anchor) (r audit.Report, err error) {
	in := io.NopCloser(os.Stdin)
	if file != "-" {
		if in, err = os.Open(file); err != nil {
			return r, fmt.Errorf("--file: %w", err)
		}
	}
	defer in.Close()
	return audit.VerifyExport(in, noted...)
}

func verifyStore(ctx context.Context, open func(context.Context) (store.Store, error), noted []audit.Anchor) (r audit.Report, err error) {
	s, err := open(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return audit.New(audit.Options{Store: s}).Verify(ctx, noted...)
}

func verifyRemote(ctx context.Context, api *client, noted []audit.Anchor) (r audit.Report, err error) {
	q := url.Values{}
	for _, a := range noted {
		q.Set("seq", strconv.FormatInt(a.Seq, 10))
		q.Set("hash", a.Hash)
	}
	answer, err := api.get(ctx, "/heddle/audit/verify", q)
	if err != nil {
		return r, err
	}
	data := answer.Get("data")
	r.Links, _ = data.Get("links").Int()
	r.Head.Seq, _ = data.Path("head", "seq").Int()
	r.Head.Hash = data.Path("head", "hash").Text()
	if b := data.Get("broken"); b.IsObject() {
		r.Broken = &audit.Break{ID: b.Get("id").Text(), Text: b.Get("message").Text()}
		r.Broken.Seq, _ = b.Get("seq").Int()
	}
	return r, nil
}

func (c *console) verified(r audit.Report, asJSON bool) error {
	if asJSON {
		broken := value.Null
		if r.Broken != nil {
			broken = value.String(r.Broken.String())
		}
		fmt.Fprintln(c.out, value.Object("links", value.Int(r.Links), "head", value.Object("seq", value.Int(r.Head.Seq), "hash", value.String(r.Head.Hash)), "broken", broken))
	} else {
		fmt.Fprintf(c.out, "%d entries are whole; head %d:%s\n", r.Links, r.Head.Seq, r.Head.Hash)
	}
	if r.Broken == nil {
		return nil
	}
	fmt.Fprintf(c.err, "broken at %s\n", r.Broken)
	return exit(exitError)
}
