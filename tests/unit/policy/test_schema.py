"""The JSON Schema against the loader: what the loader takes, the schema takes, and mistakes of form are refused by
both. Every profile and every example of the documents is among what is taken, and profiles do what they say."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SALLYPORT, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
PROFILES = sorted((SOURCE / "policies").glob("*.yaml"))
SCHEMA = json.loads((SOURCE / "policies/schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
failures = []


def check(condition, what):
    if not condition:
        failures.append(what)


def run(*arguments, cwd=None):
    return subprocess.run([SALLYPORT, "policy", *arguments], cwd=cwd, capture_output=True, text=True)


def loads(text, folder):
    """Whether the loader takes TEXT, and what it says."""
    path = pathlib.Path(folder) / "policy.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = run("check", "policy.yaml", cwd=folder)
    return done.returncode == 0, done.stdout + done.stderr


def fits(text, loader):
    try:
        return VALIDATOR.is_valid(yaml.load(text, Loader=loader))
    except (yaml.YAMLError, ValueError):
        return False


def check_taken(name, text, folder, quiet=True):
    taken, told = loads(text, folder)
    check(taken, f"{name}: the loader says: {told}")
    check(not quiet or "warning:" not in told, f"{name}: {told}")
    # As texts alone, and with what YAML makes of them in editors.
    for loader in (yaml.BaseLoader, yaml.SafeLoader):
        check(fits(text, loader), f"{name}: the schema refuses it ({loader.__name__})")


def examples():
    for path in [SOURCE / "README.md", *sorted((SOURCE / "docs").glob("*.md"))]:
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```\n", path.read_text(), re.S)):
            if block.startswith("sallyport: 1\n"):
                yield f"{path.name} {number}", block
    manual = (SOURCE / "docs/man/sallyport-policy.5").read_text()
    for number, block in enumerate(re.findall(r"\.Bd -literal\n(sallyport: 1\n.*?)\.Ed\n", manual, re.S)):
        yield f"sallyport-policy.5 {number}", block


# Mistakes of form, by the key that has it.
MISTAKES = [
    "rules: []", "sallyport: 2", "sallyport: 1\nbanana: x", "sallyport: 1\nmode: of", "sallyport: 1\nname: a b",
    "sallyport: 1\naudit: {}", "sallyport: 1\naudit: {when_full: stop}", "sallyport: 1\ninclude: x",
    "sallyport: 1\ninclude: []", "sallyport: 1\nlimits: {}", "sallyport: 1\nrules: {}", "sallyport: 1\nrules: [x]",
    "sallyport: 1\nrules: [{reason: x}]", "sallyport: 1\nrules: [{allow: x.example, deny: y.example}]",
    "sallyport: 1\nrules: [{allow: []}]", "sallyport: 1\nrules: [{allow: {}}]", "sallyport: 1\nrules: [{alow: x.example}]",
    "sallyport: 1\nrules: [{allow: ftp://x.example}]", "sallyport: 1\nrules: [{allow: x.example?y}]",
    "sallyport: 1\nrules: [{allow: x.example, methods: []}]", "sallyport: 1\nrules: [{allow: x.example, methods: get}]",
    "sallyport: 1\nrules: [{allow: x.example, methods: CONNECT}]", "sallyport: 1\nrules: [{allow: x.example, wide: maybe}]",
    "sallyport: 1\nrules: [{allow: x.example, websocket: maybe}]", "sallyport: 1\nrules: [{allow: x.example, set: {}}]",
    "sallyport: 1\nrules: [{allow: x.example, set: {X: y}}]", "sallyport: 1\nrules: [{allow: x.example, set: {'X Y': '{S}'}}]",
    "sallyport: 1\nrules: [{allow: x.example, credentials: theirs}]", "sallyport: 1\nrules: [{allow: x.example, json: []}]",
    "sallyport: 1\nsecrets: []", "sallyport: 1\nsecrets: {a-b: {from: env}}", "sallyport: 1\nsecrets: {S: {}}",
    "sallyport: 1\nsecrets: {S: {from: vault}}", "sallyport: 1\nsecrets: {S: {from: {}}}",
    "sallyport: 1\nsecrets: {S: {from: {env: A, file: b}}}", "sallyport: 1\nsecrets: {S: {from: {exec: []}}}",
    "sallyport: 1\nsecrets: {S: {from: env, use: []}}", "sallyport: 1\nsecrets: {S: {from: env, use: [{at: x.example}]}}",
    "sallyport: 1\nsecrets: {S: {from: env, use: [{at: http://x.example, slot: body}]}}",
    "sallyport: 1\nsecrets: {S: {from: env, use: [{at: x.example, slot: head X}]}}",
    "sallyport: 1\nsecrets: {S: {from: env, use: [{at: x.example, slot: json a}]}}",
    "sallyport: 1\nsecrets: {S: {from: env, use: [{at: x.example, slot: body x}]}}",
    "sallyport: 1\nsecrets: {S: {from: env, misuse: ignore}}", "sallyport: 1\nsecrets: {S: {from: env, scrub: maybe}}",
    "sallyport: 1\nsecrets: {S: {from: env, capture: fields}}", "sallyport: 1\nsecrets: {S: {from: env, placeholder: x}}",
    "sallyport: 1\nnetwork: []", "sallyport: 1\nnetwork: {private: 10.0.0.0/8}", "sallyport: 1\nnetwork: {resolve: []}",
    "sallyport: 1\nnetwork: {ca: x.pem}", "- sallyport: 1", "sallyport",
]

# What profiles are for, and what they are not: (profile, method, URL, allowed).
REQUESTS = [
    ("openai", "POST", "https://api.openai.com/v1/chat/completions", True),
    ("openai", "POST", "https://api.openai.com/v1/responses/resp_1/cancel", True),
    ("openai", "GET", "wss://api.openai.com/v1/realtime", True),
    ("openai", "GET", "wss://api.openai.com/v1/models", False),
    ("openai", "POST", "https://api.openai.com/v1/files", False),
    ("openai", "GET", "https://api.openai.com/v1/organization/admin_api_keys", False),
    ("openai", "DELETE", "https://api.openai.com/v1/models/ft-1", False),
    ("anthropic", "POST", "https://api.anthropic.com/v1/messages", True),
    ("anthropic", "GET", "https://api.anthropic.com/v1/organizations/api_keys", False),
    ("anthropic", "POST", "https://api.anthropic.com/v1/files", False),
    ("gemini", "POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-pro:generateContent", True),
    ("gemini", "POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-pro", False),
    ("gemini", "POST", "https://generativelanguage.googleapis.com/upload/v1beta/files", False),
    ("gemini", "GET", "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta."
     "GenerativeService.BidiGenerateContent", True),
    ("github", "GET", "https://api.github.com/repos/me/mine/contents/a%2Fb", True),
    ("github", "POST", "https://api.github.com/repos/me/mine/issues/1/comments", True),
    ("github", "POST", "https://github.com/me/mine.git/git-receive-pack", True),
    ("github", "GET", "https://codeload.github.com/me/mine/zip/main", True),
    ("github", "GET", "https://api.github.com/repos/me/mine/actions/variables", False),
    ("github", "PUT", "https://api.github.com/repos/me/mine/pulls/1/merge", False),
    ("github", "POST", "https://api.github.com/gists", False),
    ("github", "POST", "https://api.github.com/graphql", False),
    ("github", "POST", "https://api.github.com/repos/me/mine/hooks", False),
    ("github", "POST", "https://api.github.com/repos/me/mine/pulls/1/codespaces", False),
    ("github-packages", "GET", "https://npm.pkg.github.com/@me%2Fmine", True),
    ("github-packages", "GET", "https://ghcr.io/token", True),
    ("github-packages", "PUT", "https://npm.pkg.github.com/@me%2Fmine", False),
    ("gitlab", "GET", "https://gitlab.com/api/v4/projects/me%2Fmine/issues", True),
    ("gitlab", "POST", "https://gitlab.com/group/sub/mine.git/git-upload-pack", True),
    ("gitlab", "GET", "https://gitlab.com/api/v4/projects/1/variables", False),
    ("gitlab", "GET", "https://gitlab.com/api/v4/projects/1/variables.json", False),
    ("gitlab", "GET", "https://gitlab.com/api/v4/projects/me%2Fmine/variables/KEY", False),
    ("gitlab", "GET", "https://gitlab.com/api/v4/projects/1/pipelines/2/variables", False),
    ("gitlab", "PUT", "https://gitlab.com/api/v4/projects/1/merge_requests/2/merge", False),
    ("gitlab", "PUT", "https://gitlab.com/api/v4/projects/1/merge_requests/2/merge.json", False),
    ("gitlab", "POST", "https://gitlab.com/api/v4/projects/1/access_tokens/self/rotate", False),
    ("huggingface", "GET", "https://huggingface.co/openai-community/gpt2/resolve/main/config.json", True),
    ("huggingface", "GET", "https://us.aws.cdn.hf.co/x", True),
    ("huggingface", "POST", "https://router.huggingface.co/v1/chat/completions", True),
    ("huggingface", "GET", "https://huggingface.co/api/models/me/mine/xet-read-token/main", False),
    ("huggingface", "POST", "https://huggingface.co/api/models/me/mine/commit/main", False),
    ("huggingface", "POST", "https://huggingface.co/api/repos/create", False),
    ("stripe", "POST", "https://api.stripe.com/v1/payment_intents/pi_1/confirm", True),
    ("stripe", "GET", "https://api.stripe.com/v1/refunds", True),
    ("stripe", "POST", "https://api.stripe.com/v1/refunds", False),
    ("stripe", "POST", "https://api.stripe.com/v1/payouts", False),
    ("stripe", "GET", "https://api.stripe.com/v1/account", False),
    ("slack", "POST", "https://slack.com/api/chat.postMessage", True),
    ("slack", "GET", "https://slack.com/api/chat.postMessage", False),
    ("slack", "POST", "https://slack.com/api/admin.users.list", False),
    ("slack", "POST", "https://slack.com/api/files.upload", False),
    ("package-mirrors", "GET", "http://archive.mirror.example.org/debian/dists", True),
    ("package-mirrors", "PUT", "https://registry.example.org/x", False),
]


def check_profiles(folder):
    check(len(PROFILES) >= 10, "profiles are missing")
    for path in PROFILES:
        check_taken(path.name, path.read_text(), folder)
        check("credentials: " in path.read_text(), f"{path.name}: foreign credentials pass")
    # All of them together, as they are.
    (pathlib.Path(folder) / "policies").symlink_to(SOURCE / "policies")
    names = ", ".join(f"policies/{path.name}" for path in PROFILES)
    check_taken("all profiles", f"sallyport: 1\ninclude: [{names}]\n", folder)
    for profile, method, url, allowed in REQUESTS:
        done = run("explain", "-p", str(SOURCE / f"policies/{profile}.yaml"), method, url)
        check(done.returncode == (0 if allowed else 1), f"{profile}: {method} {url}: {done.stdout}{done.stderr}")


def check_seeds(folder):
    """Whatever has form enough for the loader has it for the schema."""
    taken_count = 0
    for path in sorted((SOURCE / "tests/fuzz/seeds/policy").iterdir()):
        text = path.read_bytes()
        taken, _ = loads(text, folder)
        taken_count += taken
        check(not taken or fits(text, yaml.BaseLoader), f"{path.name}: the schema refuses what the loader takes")
    check(taken_count >= 5, "few seeds are policies")


def main():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    check(run("schema").stdout == (SOURCE / "policies/schema.json").read_text(), "schema.json is not what is printed")
    with tempfile.TemporaryDirectory() as folder:
        check_profiles(folder)
        count = 0
        for name, text in examples():
            check_taken(name, text, folder)
            count += 1
        check(count >= 10, f"only {count} examples were found")
        check_seeds(folder)
        for text in MISTAKES:
            check(not loads(text, folder)[0], f"the loader takes: {text}")
            check(not fits(text, yaml.BaseLoader), f"the schema takes: {text}")
            check(not fits(text, yaml.SafeLoader), f"the schema takes, typed: {text}")
    for failure in failures:
        print(f"FAILED: {failure}")
    sys.exit(1 if failures else 0)


main()
