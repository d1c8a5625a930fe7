package git

import (
	"context"
	"encoding/base64"
	"errors"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
)

// resolve finds what a name stands for: a branch, a tag, a commit, or without one the default branch.
func resolve(known *packp.AdvRefs, name string) (plumbing.Hash, error) {
	if known == nil {
		return plumbing.ZeroHash, network.Wrong("/ref: the repository is empty")
	}
	if name == "" {
		if known.Head == nil {
			return plumbing.ZeroHash, network.Wrong("/ref must be given: the repository has no default branch")
		}
		return *known.Head, nil
	}
	for _, full := range []string{name, "refs/heads/" + name, "refs/tags/" + name} {
		if hash, ok := known.Peeled[full]; ok {
			return hash, nil
		}
		if hash, ok := known.References[full]; ok {
			return hash, nil
		}
	}
	if plumbing.IsHash(name) {
		return plumbing.NewHash(name), nil
	}
	return plumbing.ZeroHash, network.Wrong("/ref: the repository has no branch, tag or commit %q", name)
}

// tree fetches a commit and gives its files.
func (r *repository) tree(ctx context.Context, ref string) (*object.Tree, plumbing.Hash, error) {
	s, hash, err := r.look(ctx, func(known *packp.AdvRefs) (plumbing.Hash, error) { return resolve(known, ref) })
	if err != nil {
		return nil, hash, err
	}
	c, err := object.GetCommit(s.objects, hash)
	if err != nil {
		return nil, hash, network.Wrong("/ref: %s is no commit", hash)
	}
	t, err := c.Tree()
	return t, hash, err
}

// inside checks a path of the repository.
func inside(place, p string) (string, error) {
	clean := path.Clean(strings.Trim(p, "/"))
	if p == "" || clean == "." || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsAny(p, "\x00\\") ||
		slices.ContainsFunc(strings.Split(clean, "/"), func(name string) bool { return strings.EqualFold(name, ".git") }) {
		return "", network.Wrong("%s: %q is no path of a file in the repository", place, p)
	}
	return clean, nil
}

type readInput struct {
	Path string `json:"path" doc:"of the file in the repository"`
	Ref  string `json:"ref,omitempty" doc:"branch, tag or commit; the default branch unless given"`
}

type readOutput struct {
	Content  string `json:"content" doc:"of the file"`
	Encoding string `json:"encoding" doc:"utf8, or base64 for what is no text"`
	Commit   string `json:"commit" doc:"it was read from"`
	Size     int64  `json:"size" doc:"in bytes"`
}

// maxFile bounds a file that is read.
const maxFile = 8 << 20

func read(ctx context.Context, call *adapters.Call, in readInput) (readOutput, error) {
	r := adapters.Client[*repository](call)
	p, err := inside("/path", in.Path)
	if err != nil {
		return readOutput{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	t, hash, err := r.tree(bounded, in.Ref)
	if err != nil {
		return readOutput{}, r.because(ctx, err)
	}
	f, err := t.File(p)
	if errors.Is(err, object.ErrFileNotFound) {
		return readOutput{}, network.Wrong("/path: there is no file %s in %s", p, hash)
	}
	if err != nil {
		return readOutput{}, r.because(ctx, err)
	}
	if f.Size > maxFile {
		return readOutput{}, network.TooMuch("%s has %d bytes, more than %d", p, f.Size, maxFile)
	}
	text, err := f.Contents()
	if err != nil {
		return readOutput{}, r.because(ctx, err)
	}
	out := readOutput{text, "utf8", hash.String(), f.Size}
	if !utf8.ValidString(text) {
		out.Content, out.Encoding = base64.StdEncoding.EncodeToString([]byte(text)), "base64"
	}
	return out, nil
}

type listInput struct {
	Path      string `json:"path,omitempty" doc:"of the folder in the repository; the whole of it unless given"`
	Ref       string `json:"ref,omitempty" doc:"branch, tag or commit; the default branch unless given"`
	Recursive bool   `json:"recursive,omitempty" doc:"with what is in folders below"`
}

type entry struct {
	Path string `json:"path"`
	Type string `json:"type" doc:"file, folder, link or module"`
}

type listOutput struct {
	Entries []entry `json:"entries" doc:"in the order of their paths"`
	Commit  string  `json:"commit" doc:"they were read from"`
}

// maxEntries bounds a list.
const maxEntries = 100_000

func list(ctx context.Context, call *adapters.Call, in listInput) (listOutput, error) {
	r := adapters.Client[*repository](call)
	folder := ""
	if strings.Trim(in.Path, "/.") != "" {
		var err error
		if folder, err = inside("/path", in.Path); err != nil {
			return listOutput{}, err
		}
	}
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	t, hash, err := r.tree(bounded, in.Ref)
	if err == nil && folder != "" {
		if t, err = t.Tree(folder); err != nil {
			return listOutput{}, network.Wrong("/path: there is no folder %s in %s", folder, hash)
		}
	}
	if err != nil {
		return listOutput{}, r.because(ctx, err)
	}
	out := listOutput{[]entry{}, hash.String()}
	walk := object.NewTreeWalker(t, in.Recursive, nil)
	defer walk.Close()
	for {
		name, e, err := walk.Next()
		if err != nil {
			break // the end: all objects are in memory
		}
		kind := map[filemode.FileMode]string{filemode.Dir: "folder", filemode.Symlink: "link", filemode.Submodule: "module"}[e.Mode]
		if kind == "" {
			kind = "file"
		}
		if out.Entries = append(out.Entries, entry{path.Join(folder, name), kind}); len(out.Entries) > maxEntries {
			return listOutput{}, network.TooMuch("there are more than %d files", maxEntries)
		}
	}
	slices.SortFunc(out.Entries, func(a, b entry) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

type refsOutput struct {
	Branches map[string]string `json:"branches" doc:"commits by the names of branches"`
	Tags     map[string]string `json:"tags" doc:"commits by the names of tags"`
	Head     string            `json:"head" doc:"commit of the default branch"`
}

func refs(ctx context.Context, call *adapters.Call, _ struct{}) (refsOutput, error) {
	r := adapters.Client[*repository](call)
	out := refsOutput{Branches: map[string]string{}, Tags: map[string]string{}}
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	s, _, err := r.look(bounded, func(*packp.AdvRefs) (plumbing.Hash, error) { return plumbing.ZeroHash, nil })
	if err != nil {
		return out, r.because(ctx, err)
	}
	if s.known == nil {
		return out, nil
	}
	if s.known.Head != nil {
		out.Head = s.known.Head.String()
	}
	for name, hash := range s.known.References {
		if branch, ok := strings.CutPrefix(name, "refs/heads/"); ok {
			out.Branches[branch] = hash.String()
		}
		if tag, ok := strings.CutPrefix(name, "refs/tags/"); ok {
			if peeled, ok := s.known.Peeled[name]; ok {
				hash = peeled
			}
			out.Tags[tag] = hash.String()
		}
	}
	return out, nil
}
