CREATE FUNCTION public.audit_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.app_user (
    id bigint NOT NULL,
    email character varying(320) NOT NULL,
    email_key character varying(320) NOT NULL,
    name character varying(200) NOT NULL,
    roles json NOT NULL,
    disabled_at timestamp with time zone,
    weekly_digest boolean DEFAULT false NOT NULL
);
CREATE SEQUENCE public.app_user_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.app_user_id_seq OWNED BY public.app_user.id;
CREATE TABLE public.approval (
    id bigint NOT NULL,
    review_id bigint NOT NULL,
    approver_id bigint NOT NULL,
    decision character varying(10) NOT NULL,
    again boolean DEFAULT false NOT NULL,
    digest_proposed character varying(64) NOT NULL,
    digest_approved character varying(64) NOT NULL,
    exclusions json NOT NULL,
    comment text DEFAULT ''::text NOT NULL,
    channel character varying(20) NOT NULL,
    answered_at timestamp with time zone NOT NULL,
    void_at timestamp with time zone,
    consumed_at timestamp with time zone
);
CREATE SEQUENCE public.approval_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.approval_id_seq OWNED BY public.approval.id;
CREATE TABLE public.assignment (
    id bigint NOT NULL,
    certification_id bigint,
    cycle integer NOT NULL,
    course_id bigint NOT NULL,
    assigned_on date,
    due_on date,
    first_due_on date,
    progress integer DEFAULT 0 NOT NULL,
    completed_on date,
    rollout_id bigint,
    withdrawn_from bigint,
    withdrawn_by bigint,
    withdrawn_at timestamp with time zone,
    CONSTRAINT ck_assignment_dated CHECK (((assigned_on IS NOT NULL) OR (completed_on IS NOT NULL))),
    CONSTRAINT ck_assignment_progress CHECK (((progress >= 0) AND (progress <= 100))),
    CONSTRAINT ck_assignment_withdrawn CHECK (((certification_id IS NULL) = (withdrawn_from IS NOT NULL)))
);
CREATE SEQUENCE public.assignment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.assignment_id_seq OWNED BY public.assignment.id;
CREATE TABLE public.audit (
    seq bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    actor character varying(320) NOT NULL,
    act character varying(60) NOT NULL,
    subject character varying(200) NOT NULL,
    detail text NOT NULL,
    previous character varying(64) NOT NULL,
    hash character varying(64) NOT NULL
);
CREATE TABLE public.bounce (
    id bigint NOT NULL,
    digest character varying(64) NOT NULL,
    recipient character varying(320) NOT NULL,
    message_id bigint,
    action character varying(20) NOT NULL,
    status character varying(20) NOT NULL,
    diagnostic character varying(500),
    at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.bounce_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.bounce_id_seq OWNED BY public.bounce.id;
CREATE TABLE public.certification (
    id bigint NOT NULL,
    learner_id bigint NOT NULL,
    training_type_id bigint NOT NULL,
    cycle integer DEFAULT 0 NOT NULL,
    course_id bigint,
    next_course_id bigint,
    completed_on date,
    computed_on date,
    override_on date,
    override_by character varying(320),
    override_at timestamp with time zone,
    override_reason character varying(300),
    aligned_by bigint,
    left_to_people_on date,
    left_to_people_because character varying(30)
);
CREATE TABLE public.certification_before (
    proposal_id bigint NOT NULL,
    certification_id bigint NOT NULL,
    next_course_id bigint,
    computed_on date,
    override_on date,
    override_by character varying(320),
    override_at timestamp with time zone,
    override_reason character varying(300),
    aligned_by bigint,
    left_to_people_on date,
    left_to_people_because character varying(30)
);
CREATE SEQUENCE public.certification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.certification_id_seq OWNED BY public.certification.id;
CREATE TABLE public.course (
    id bigint NOT NULL,
    code character varying(100) NOT NULL,
    title character varying(300) NOT NULL,
    training_type_id bigint NOT NULL,
    frequency_months integer,
    successor_id bigint,
    retired_on date,
    link character varying(1000),
    regions json,
    roles json,
    CONSTRAINT ck_course_frequency CHECK ((frequency_months >= 1))
);
CREATE SEQUENCE public.course_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.course_id_seq OWNED BY public.course.id;
CREATE TABLE public.exclusion (
    rollout_id bigint NOT NULL,
    learner_id bigint NOT NULL,
    excluded_by character varying(320) NOT NULL,
    excluded_at timestamp with time zone NOT NULL,
    released_at timestamp with time zone
);
CREATE TABLE public.form_sent (
    key character varying(64) NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.hold (
    rollout_id bigint NOT NULL,
    certification_id bigint NOT NULL,
    held_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone
);
CREATE TABLE public.learner (
    id bigint NOT NULL,
    email character varying(320),
    email_key character varying(320),
    employee_id character varying(100),
    first_name character varying(100) DEFAULT ''::character varying NOT NULL,
    last_name character varying(100) DEFAULT ''::character varying NOT NULL,
    department character varying(100),
    location character varying(100),
    role character varying(100),
    manager_email character varying(320),
    language character varying(35),
    time_zone character varying(64),
    archived_at timestamp with time zone,
    CONSTRAINT ck_learner_somebody CHECK (((email_key IS NOT NULL) OR (employee_id IS NOT NULL)))
);
CREATE TABLE public.learner_before (
    proposal_id bigint NOT NULL,
    learner_id bigint NOT NULL,
    archived_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.learner_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.learner_id_seq OWNED BY public.learner.id;
CREATE TABLE public.mail_pace (
    tenth bigint NOT NULL,
    letters integer NOT NULL
);
CREATE TABLE public.mail_pause (
    scope character varying(30) NOT NULL,
    by character varying(320) NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE TABLE public.mail_template (
    id bigint NOT NULL,
    kind character varying(30) NOT NULL,
    language character varying(35) NOT NULL,
    subject text,
    text text,
    html text,
    by character varying(320) NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.mail_template_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.mail_template_id_seq OWNED BY public.mail_template.id;
CREATE TABLE public.message (
    id bigint NOT NULL,
    kind character varying(30) NOT NULL,
    occasion character varying(100) NOT NULL,
    recipient character varying(60) NOT NULL,
    learner_id bigint,
    to_address character varying(320) NOT NULL,
    rollout_id bigint,
    context json,
    state character varying(12) NOT NULL,
    flagged boolean DEFAULT false NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    deferrals integer DEFAULT 0 NOT NULL,
    message_id character varying(200) NOT NULL,
    last_reply character varying(500),
    created_at timestamp with time zone NOT NULL,
    next_try_at timestamp with time zone,
    claimed_by character varying(40),
    claimed_at timestamp with time zone,
    sent_at timestamp with time zone,
    events integer DEFAULT 0 NOT NULL
);
CREATE TABLE public.message_event (
    message_id bigint NOT NULL,
    number integer NOT NULL,
    at timestamp with time zone NOT NULL,
    what character varying(20) NOT NULL,
    server character varying(260),
    reply character varying(500),
    by character varying(320) NOT NULL
);
CREATE SEQUENCE public.message_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.message_id_seq OWNED BY public.message.id;
CREATE TABLE public.message_line (
    message_id bigint NOT NULL,
    assignment_id bigint NOT NULL,
    due_on date,
    told_on date
);
CREATE TABLE public.proposal (
    id bigint NOT NULL,
    step_id bigint NOT NULL,
    round integer NOT NULL,
    proposed_on date NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    digest character varying(64) NOT NULL,
    counts json NOT NULL,
    facts json NOT NULL,
    withdrawn_at timestamp with time zone
);
CREATE SEQUENCE public.proposal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.proposal_id_seq OWNED BY public.proposal.id;
CREATE TABLE public.review (
    id bigint NOT NULL,
    proposal_id bigint NOT NULL,
    digest character varying(64) NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    last_on date NOT NULL,
    closed_at timestamp with time zone,
    outcome character varying(20),
    false_answers integer DEFAULT 0 NOT NULL
);
CREATE SEQUENCE public.review_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.review_id_seq OWNED BY public.review.id;
CREATE TABLE public.review_request (
    review_id bigint NOT NULL,
    approver_id bigint NOT NULL,
    issue integer DEFAULT 1 NOT NULL,
    wrong_codes integer DEFAULT 0 NOT NULL
);
CREATE TABLE public.review_tick (
    review_id bigint NOT NULL,
    user_id bigint NOT NULL,
    learner_id bigint NOT NULL
);
CREATE TABLE public.rollout (
    id bigint NOT NULL,
    name character varying(200) NOT NULL,
    plan json NOT NULL,
    requested_by character varying(320) NOT NULL,
    state character varying(20) NOT NULL,
    started_at timestamp with time zone NOT NULL,
    started_on date NOT NULL,
    confirmed_at timestamp with time zone,
    confirmations integer DEFAULT 0 NOT NULL,
    finished_at timestamp with time zone,
    reason character varying(500),
    flow_run_id character varying(36),
    run_number integer DEFAULT 1 NOT NULL,
    epoch integer DEFAULT 0 NOT NULL,
    heartbeat_at timestamp with time zone,
    action character varying(30)
);
CREATE SEQUENCE public.rollout_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.rollout_id_seq OWNED BY public.rollout.id;
CREATE TABLE public.rollout_item (
    proposal_id bigint NOT NULL,
    learner_id bigint NOT NULL,
    training_type_id bigint NOT NULL,
    certification_id bigint,
    outcome character varying(30) NOT NULL,
    flags integer NOT NULL,
    due_before date,
    due_after date,
    recertification_before date,
    recertification_after date,
    course_before bigint,
    course_after bigint,
    assignment_id bigint,
    applied_at timestamp with time zone
);
CREATE TABLE public.rollout_step (
    id bigint NOT NULL,
    rollout_id bigint NOT NULL,
    slug character varying(50) NOT NULL,
    "position" integer NOT NULL,
    state character varying(20) NOT NULL,
    opens_on date NOT NULL,
    openings integer DEFAULT 0 NOT NULL,
    applied_at timestamp with time zone
);
CREATE SEQUENCE public.rollout_step_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.rollout_step_id_seq OWNED BY public.rollout_step.id;
CREATE TABLE public.rollout_training_type (
    rollout_id bigint NOT NULL,
    training_type_id bigint NOT NULL,
    alive boolean NOT NULL
);
CREATE TABLE public.selection (
    id bigint NOT NULL,
    chosen json NOT NULL,
    made_by character varying(320) NOT NULL,
    made_at timestamp with time zone NOT NULL,
    number integer NOT NULL,
    digest character varying(64) NOT NULL
);
CREATE SEQUENCE public.selection_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.selection_id_seq OWNED BY public.selection.id;
CREATE TABLE public.selection_line (
    selection_id bigint NOT NULL,
    learner_id bigint NOT NULL,
    training_type_id bigint NOT NULL
);
CREATE TABLE public.setting (
    name character varying(120) NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.sign_in_failure (
    id bigint NOT NULL,
    account character varying(64) NOT NULL,
    address character varying(64) NOT NULL,
    at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.sign_in_failure_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sign_in_failure_id_seq OWNED BY public.sign_in_failure.id;
CREATE TABLE public.training_type (
    id bigint NOT NULL,
    slug character varying(100) NOT NULL,
    automatic boolean DEFAULT true NOT NULL
);
CREATE SEQUENCE public.training_type_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.training_type_id_seq OWNED BY public.training_type.id;
CREATE TABLE public.user_password (
    user_id bigint NOT NULL,
    hash character varying(200) NOT NULL,
    changed_at timestamp with time zone NOT NULL
);
CREATE TABLE public.web_session (
    id bigint NOT NULL,
    token_digest character varying(64) NOT NULL,
    user_id bigint NOT NULL,
    began_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone
);
CREATE SEQUENCE public.web_session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.web_session_id_seq OWNED BY public.web_session.id;
ALTER TABLE ONLY public.app_user ALTER COLUMN id SET DEFAULT nextval('public.app_user_id_seq'::regclass);
ALTER TABLE ONLY public.approval ALTER COLUMN id SET DEFAULT nextval('public.approval_id_seq'::regclass);
ALTER TABLE ONLY public.assignment ALTER COLUMN id SET DEFAULT nextval('public.assignment_id_seq'::regclass);
ALTER TABLE ONLY public.bounce ALTER COLUMN id SET DEFAULT nextval('public.bounce_id_seq'::regclass);
ALTER TABLE ONLY public.certification ALTER COLUMN id SET DEFAULT nextval('public.certification_id_seq'::regclass);
ALTER TABLE ONLY public.course ALTER COLUMN id SET DEFAULT nextval('public.course_id_seq'::regclass);
ALTER TABLE ONLY public.learner ALTER COLUMN id SET DEFAULT nextval('public.learner_id_seq'::regclass);
ALTER TABLE ONLY public.mail_template ALTER COLUMN id SET DEFAULT nextval('public.mail_template_id_seq'::regclass);
ALTER TABLE ONLY public.message ALTER COLUMN id SET DEFAULT nextval('public.message_id_seq'::regclass);
ALTER TABLE ONLY public.proposal ALTER COLUMN id SET DEFAULT nextval('public.proposal_id_seq'::regclass);
ALTER TABLE ONLY public.review ALTER COLUMN id SET DEFAULT nextval('public.review_id_seq'::regclass);
ALTER TABLE ONLY public.rollout ALTER COLUMN id SET DEFAULT nextval('public.rollout_id_seq'::regclass);
ALTER TABLE ONLY public.rollout_step ALTER COLUMN id SET DEFAULT nextval('public.rollout_step_id_seq'::regclass);
ALTER TABLE ONLY public.selection ALTER COLUMN id SET DEFAULT nextval('public.selection_id_seq'::regclass);
ALTER TABLE ONLY public.sign_in_failure ALTER COLUMN id SET DEFAULT nextval('public.sign_in_failure_id_seq'::regclass);
ALTER TABLE ONLY public.training_type ALTER COLUMN id SET DEFAULT nextval('public.training_type_id_seq'::regclass);
ALTER TABLE ONLY public.web_session ALTER COLUMN id SET DEFAULT nextval('public.web_session_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0008');
INSERT INTO public.app_user VALUES (1, 'opal@example.org', 'opal@example.org', 'Opal', '["operator"]', NULL, false);
INSERT INTO public.app_user VALUES (2, 'ava@example.org', 'ava@example.org', 'Ava', '["approver"]', NULL, false);
INSERT INTO public.app_user VALUES (3, 'bo@example.org', 'bo@example.org', 'Bo', '["approver"]', NULL, false);
INSERT INTO public.approval VALUES (1, 1, 2, 'approve', false, '180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a', '180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a', '[]', '', 'command-line', '2026-11-27 00:15:32.69519+00', NULL, '2026-11-27 00:15:33.023289+00');
INSERT INTO public.assignment VALUES (1, 1, 1, 1, '2025-10-01', NULL, NULL, 100, '2025-10-01', NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (2, 2, 1, 4, '2025-01-15', NULL, NULL, 100, '2025-01-15', NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (3, 3, 1, 1, '2025-10-01', NULL, NULL, 100, '2025-10-01', NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (5, 4, 1, 4, '2025-10-01', NULL, NULL, 100, '2025-10-01', NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (6, 4, 2, 4, '2026-10-01', '2026-12-24', NULL, 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (7, 5, 1, 1, '2026-03-01', NULL, NULL, 100, '2026-03-01', NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (8, 6, 1, 1, '2025-10-01', NULL, NULL, 100, '2025-10-01', NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (9, 7, 1, 1, '2025-10-01', NULL, NULL, 100, '2025-10-01', NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (10, 8, 1, 2, '2025-05-01', NULL, NULL, 100, '2025-05-01', NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (11, 9, 1, 5, '2024-01-01', NULL, NULL, 100, '2024-01-01', NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (12, 11, 1, 1, '2025-10-01', NULL, NULL, 100, '2025-10-01', NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (13, 12, 1, 1, '2026-10-01', '2026-12-18', NULL, 0, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.assignment VALUES (4, 3, 2, 1, '2026-10-01', '2026-12-18', '2026-10-31', 40, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.audit VALUES (1, '2026-11-23 09:00:00+00', 'tests', 'add-user', 'user:1', '{"disabled":false,"email":"opal@example.org","name":"Opal","roles":["operator"]}', '0000000000000000000000000000000000000000000000000000000000000000', 'ae6e8ee71d9601affd3c742f6e1d65af8e52d2cb8c4b76b2e1e714f5f96ac78e');
INSERT INTO public.audit VALUES (2, '2026-11-23 09:00:00+00', 'tests', 'add-user', 'user:2', '{"disabled":false,"email":"ava@example.org","name":"Ava","roles":["approver"]}', 'ae6e8ee71d9601affd3c742f6e1d65af8e52d2cb8c4b76b2e1e714f5f96ac78e', 'bb293e2ec55e0eab8b162f0c552dcade3e13942c8d609d218cb5694b51ca3e8f');
INSERT INTO public.audit VALUES (3, '2026-11-23 09:00:00+00', 'tests', 'add-user', 'user:3', '{"disabled":false,"email":"bo@example.org","name":"Bo","roles":["approver"]}', 'bb293e2ec55e0eab8b162f0c552dcade3e13942c8d609d218cb5694b51ca3e8f', '101de51db913e2f94738c43cde52d60d3cdbe1a54d857c572c02becaedbe7119');
INSERT INTO public.audit VALUES (4, '2026-11-27 00:15:31.035094+00', 'opal@example.org', 'start-rollout', 'rollout 1', '{"confirmed":true,"plan":{"align_on":"2026-11-23","audience":{"departments":[],"exclude":[],"locations":[]},"bring_forward_at_most_days":null,"due_in_days":30,"extend_at_most_days":null,"incomplete":{"new_due_on":"2026-12-18"},"name":"annual-2027","next_course":{},"recertify_on":"2026-11-23","restore_automatic":true,"reviews":{"approvals_required":1,"expires_in_days":7,"steps":["renotify-incomplete","set-recertification-dates","recertify-due"]},"skip_if_completed_within_days":0,"training_types":["conduct","privacy"]}}', '101de51db913e2f94738c43cde52d60d3cdbe1a54d857c572c02becaedbe7119', '270d58ca5e877a18575324fd06509ae0bc7964eb89d11851dbae7e62446fad64');
INSERT INTO public.audit VALUES (5, '2026-11-27 00:15:31.306042+00', 'rollout 1', 'propose', 'rollout 1 verify-completion', '{"counts":{"completed":7,"open-assignment":3,"skip-archived":1,"skip-never-completed":1},"digest":"e3afd88f55eb0bd435d44d58812f5087915daa695f2c051785210928e86715e9","round":1}', '270d58ca5e877a18575324fd06509ae0bc7964eb89d11851dbae7e62446fad64', 'aeed717e272506567b41ff874314d4c27509577a807f58af2d7e9e5164401a18');
INSERT INTO public.audit VALUES (6, '2026-11-27 00:15:31.743484+00', 'rollout 1', 'propose', 'rollout 1 renotify-incomplete', '{"counts":{"completed":7,"renotify":1,"renotify-keep-due":2,"skip-archived":1,"skip-never-completed":1},"digest":"180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a","round":1}', 'aeed717e272506567b41ff874314d4c27509577a807f58af2d7e9e5164401a18', '5bca7b015210588506aefe2febe2283f96e72bc491bc451136b975463f691c62');
INSERT INTO public.audit VALUES (7, '2026-11-27 00:15:31.765893+00', 'rollout 1', 'open-review', 'rollout 1 renotify-incomplete', '{"counts":{"completed":7,"renotify":1,"renotify-keep-due":2,"skip-archived":1,"skip-never-completed":1},"digest":"180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a"}', '5bca7b015210588506aefe2febe2283f96e72bc491bc451136b975463f691c62', '63f521e7e8eab1a2965a4102516d76884be554d5822fd8a4210cb3d6263c0738');
INSERT INTO public.audit VALUES (8, '2026-11-27 00:15:32.779023+00', 'ava@example.org', 'review-approved', 'rollout 1 renotify-incomplete', '{"channel":"command-line","comment":"","decision":"approve","digest":"180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a","digest_proposed":"180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a","excluded":0}', '63f521e7e8eab1a2965a4102516d76884be554d5822fd8a4210cb3d6263c0738', '23230b6ce49263a4d2356d39e0e364d948809a312fd38dc4269b2736f97f5645');
INSERT INTO public.audit VALUES (9, '2026-11-27 00:15:33.04703+00', 'rollout 1', 'apply-chunk', 'rollout 1 renotify-incomplete', '{"applied":3,"changed_since_review":0,"digest":"180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a","learners":[1,10]}', '23230b6ce49263a4d2356d39e0e364d948809a312fd38dc4269b2736f97f5645', 'd1f6bff3fe4f536b9c00935b8cd822a70a79379304c9dab8c6c6603d38283a4e');
INSERT INTO public.audit VALUES (10, '2026-11-27 00:15:33.931197+00', 'rollout 1', 'propose', 'rollout 1 set-recertification-dates', '{"counts":{"set-date":2,"set-date-extends":3,"skip-archived":1,"skip-never-completed":1,"skip-no-course":1,"skip-open-assignment":3,"skip-unchanged":1},"digest":"9dad76695f9fd4e1322dc6183611285468d1efe2d650baf21a624090af4b76f9","round":1}', 'd1f6bff3fe4f536b9c00935b8cd822a70a79379304c9dab8c6c6603d38283a4e', '18806fc2bec978400f3c59ac4a9be1f90dbadc10fc6dc8facb5e49193d3c9a7a');
INSERT INTO public.audit VALUES (11, '2026-11-27 00:15:33.943461+00', 'rollout 1', 'open-review', 'rollout 1 set-recertification-dates', '{"counts":{"set-date":2,"set-date-extends":3,"skip-archived":1,"skip-never-completed":1,"skip-no-course":1,"skip-open-assignment":3,"skip-unchanged":1},"digest":"9dad76695f9fd4e1322dc6183611285468d1efe2d650baf21a624090af4b76f9"}', '18806fc2bec978400f3c59ac4a9be1f90dbadc10fc6dc8facb5e49193d3c9a7a', '6209cd7663d244dcf288d4867e63f4bfe9c5bafb7b91cbed5cc751133894b7a7');
INSERT INTO public.certification VALUES (1, 1, 1, 1, 1, NULL, '2025-10-01', '2026-10-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.certification VALUES (2, 1, 2, 1, 4, NULL, '2025-01-15', '2027-01-15', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.certification VALUES (3, 2, 1, 2, 1, NULL, '2025-10-01', '2026-10-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.certification VALUES (4, 2, 2, 2, 4, NULL, '2025-10-01', '2026-10-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.certification VALUES (5, 3, 1, 1, 1, NULL, '2026-03-01', '2027-03-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.certification VALUES (6, 4, 1, 1, 1, NULL, '2025-10-01', '2026-10-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.certification VALUES (7, 5, 1, 1, 1, NULL, '2025-10-01', '2026-10-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.certification VALUES (8, 6, 1, 1, 2, NULL, '2025-05-01', '2026-05-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.certification VALUES (9, 7, 2, 1, 5, NULL, '2024-01-01', '2026-01-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.certification VALUES (10, 8, 1, 0, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.certification VALUES (11, 9, 1, 1, 1, NULL, '2025-10-01', '2026-10-01', '2026-11-23', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.certification VALUES (12, 10, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.course VALUES (1, 'C-1', 'Course C-1', 1, 12, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.course VALUES (3, 'C-2', 'Course C-2', 1, 12, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.course VALUES (4, 'P-1', 'Course P-1', 2, 24, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.course VALUES (5, 'P-OLD', 'Course P-OLD', 2, 24, NULL, '2024-12-31', NULL, NULL, NULL);
INSERT INTO public.course VALUES (6, 'N-1', 'Course N-1', 3, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.course VALUES (2, 'C-0', 'Course C-0', 1, 12, 1, '2025-06-30', NULL, NULL, NULL);
INSERT INTO public.learner VALUES (1, 'l1@example.com', 'l1@example.com', 'E1', 'First1', 'Last1', 'Sales', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.learner VALUES (2, 'l2@example.com', 'l2@example.com', 'E2', 'First2', 'Last2', 'Sales', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.learner VALUES (3, 'l3@example.com', 'l3@example.com', 'E3', 'First3', 'Last3', 'Sales', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.learner VALUES (4, NULL, NULL, 'E4', 'First4', 'Last4', 'Sales', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.learner VALUES (5, 'l5@example.com', 'l5@example.com', 'E5', 'First5', 'Last5', 'Sales', NULL, NULL, NULL, NULL, NULL, '2026-11-23 09:00:00+00');
INSERT INTO public.learner VALUES (6, 'l6@example.com', 'l6@example.com', 'E6', 'First6', 'Last6', 'Sales', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.learner VALUES (7, 'l7@example.com', 'l7@example.com', 'E7', 'First7', 'Last7', 'Sales', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.learner VALUES (8, 'l8@example.com', 'l8@example.com', 'E8', 'First8', 'Last8', 'Sales', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.learner VALUES (9, 'l9@example.com', 'l9@example.com', 'E9', 'First9', 'Last9', 'Sales', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.learner VALUES (10, 'l10@example.com', 'l10@example.com', 'E10', 'First10', 'Last10', 'Finance', NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.message VALUES (1, 'review-request', 'review:1:1', 'user:2', NULL, 'ava@example.org', 1, '{"rollout": 1, "user": 2, "review": 1, "issue": 1}', 'sent', false, 1, 0, '<review-request.2.c16be81de29c8413@example.org>', '250 2.0.0 kept', '2026-11-27 00:15:31.791209+00', NULL, NULL, NULL, '2026-11-27 00:15:32.425562+00', 1);
INSERT INTO public.message VALUES (2, 'review-request', 'review:1:1', 'user:3', NULL, 'bo@example.org', 1, '{"rollout": 1, "user": 3, "review": 1, "issue": 1}', 'sent', false, 1, 0, '<review-request.3.c16be81de29c8413@example.org>', '250 2.0.0 kept', '2026-11-27 00:15:31.819969+00', NULL, NULL, NULL, '2026-11-27 00:15:32.425562+00', 1);
INSERT INTO public.message VALUES (3, 'renotification', 'rollout:1:renotification', 'learner:2', 2, 'l2@example.com', 1, NULL, 'sent', false, 1, 0, '<renotification.2.d69f85c8e7124073@example.org>', '250 2.0.0 kept', '2026-11-27 00:15:33.04703+00', NULL, NULL, NULL, '2026-11-27 00:15:33.569082+00', 1);
INSERT INTO public.message VALUES (4, 'renotification', 'rollout:1:renotification', 'learner:10', 10, 'l10@example.com', 1, NULL, 'sent', false, 1, 0, '<renotification.10.d69f85c8e7124073@example.org>', '250 2.0.0 kept', '2026-11-27 00:15:33.04703+00', NULL, NULL, NULL, '2026-11-27 00:15:33.569082+00', 1);
INSERT INTO public.message VALUES (5, 'review-request', 'review:2:1', 'user:2', NULL, 'ava@example.org', 1, '{"rollout": 1, "user": 2, "review": 2, "issue": 1}', 'sent', false, 1, 0, '<review-request.2.e2c43a9ddda889ee@example.org>', '250 2.0.0 kept', '2026-11-27 00:15:33.959009+00', NULL, NULL, NULL, '2026-11-27 00:15:34.451408+00', 1);
INSERT INTO public.message VALUES (6, 'review-request', 'review:2:1', 'user:3', NULL, 'bo@example.org', 1, '{"rollout": 1, "user": 3, "review": 2, "issue": 1}', 'sent', false, 1, 0, '<review-request.3.e2c43a9ddda889ee@example.org>', '250 2.0.0 kept', '2026-11-27 00:15:33.976552+00', NULL, NULL, NULL, '2026-11-27 00:15:34.451408+00', 1);
INSERT INTO public.message_event VALUES (1, 1, '2026-11-27 00:15:32.425562+00', 'sent', '127.0.0.1:46265', '250 2.0.0 kept', 'rollout-1-1');
INSERT INTO public.message_event VALUES (2, 1, '2026-11-27 00:15:32.425562+00', 'sent', '127.0.0.1:46265', '250 2.0.0 kept', 'rollout-1-1');
INSERT INTO public.message_event VALUES (3, 1, '2026-11-27 00:15:33.569082+00', 'sent', '127.0.0.1:46265', '250 2.0.0 kept', 'rollout-1-2');
INSERT INTO public.message_event VALUES (4, 1, '2026-11-27 00:15:33.569082+00', 'sent', '127.0.0.1:46265', '250 2.0.0 kept', 'rollout-1-2');
INSERT INTO public.message_event VALUES (5, 1, '2026-11-27 00:15:34.451408+00', 'sent', '127.0.0.1:46265', '250 2.0.0 kept', 'rollout-1-2');
INSERT INTO public.message_event VALUES (6, 1, '2026-11-27 00:15:34.451408+00', 'sent', '127.0.0.1:46265', '250 2.0.0 kept', 'rollout-1-2');
INSERT INTO public.message_line VALUES (3, 4, '2026-12-18', '2026-11-23');
INSERT INTO public.message_line VALUES (3, 6, '2026-12-24', '2026-11-23');
INSERT INTO public.message_line VALUES (4, 13, '2026-12-18', '2026-11-23');
INSERT INTO public.proposal VALUES (1, 1, 1, '2026-11-23', '2026-11-27 00:15:31.136295+00', 'e3afd88f55eb0bd435d44d58812f5087915daa695f2c051785210928e86715e9', '{"completed": 7, "open-assignment": 3, "skip-archived": 1, "skip-never-completed": 1}', '{}', NULL);
INSERT INTO public.proposal VALUES (2, 2, 1, '2026-11-23', '2026-11-27 00:15:31.508377+00', '180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a', '{"renotify": 1, "renotify-keep-due": 2, "completed": 7, "skip-archived": 1, "skip-never-completed": 1}', '{"past_due": 1, "past_due_since": "2026-10-31"}', NULL);
INSERT INTO public.proposal VALUES (3, 3, 1, '2026-11-23', '2026-11-27 00:15:33.743618+00', '9dad76695f9fd4e1322dc6183611285468d1efe2d650baf21a624090af4b76f9', '{"set-date": 2, "set-date-extends": 3, "skip-unchanged": 1, "skip-open-assignment": 3, "skip-archived": 1, "skip-never-completed": 1, "skip-no-course": 1}', '{"no-email": 1, "already-due": 3, "brought-forward": 2, "extends_by_at_most_days": 206, "brings_forward_by_at_most_days": 98}', NULL);
INSERT INTO public.review VALUES (1, 2, '180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a', '2026-11-27 00:15:31.765893+00', '2026-11-30', '2026-11-27 00:15:32.69519+00', 'approved', 0);
INSERT INTO public.review VALUES (2, 3, '9dad76695f9fd4e1322dc6183611285468d1efe2d650baf21a624090af4b76f9', '2026-11-27 00:15:33.943461+00', '2026-11-23', NULL, NULL, 0);
INSERT INTO public.review_request VALUES (1, 2, 1, 0);
INSERT INTO public.review_request VALUES (1, 3, 1, 0);
INSERT INTO public.review_request VALUES (2, 2, 1, 0);
INSERT INTO public.review_request VALUES (2, 3, 1, 0);
INSERT INTO public.rollout VALUES (1, 'annual-2027', '{"name": "annual-2027", "training_types": ["conduct", "privacy"], "recertify_on": "2026-11-23", "due_in_days": 30, "align_on": "2026-11-23", "skip_if_completed_within_days": 0, "extend_at_most_days": null, "bring_forward_at_most_days": null, "restore_automatic": true, "incomplete": {"new_due_on": "2026-12-18"}, "next_course": {}, "audience": {"departments": [], "locations": [], "exclude": []}, "reviews": {"steps": ["renotify-incomplete", "set-recertification-dates", "recertify-due"], "approvals_required": 1, "expires_in_days": 7}}', 'opal@example.org', 'in-review', '2026-11-27 00:15:30.982886+00', '2026-11-23', '2026-11-27 00:15:30.982886+00', 0, NULL, NULL, NULL, 1, 2, '2026-11-27 00:15:34.491019+00', NULL);
INSERT INTO public.rollout_item VALUES (1, 1, 1, 1, 'completed', 0, NULL, NULL, '2026-10-01', '2026-10-01', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (1, 1, 2, 2, 'completed', 0, NULL, NULL, '2027-01-15', '2027-01-15', 4, 4, NULL, NULL);
INSERT INTO public.rollout_item VALUES (1, 2, 1, 3, 'open-assignment', 0, '2026-10-31', '2026-10-31', NULL, NULL, 1, 1, 4, NULL);
INSERT INTO public.rollout_item VALUES (1, 2, 2, 4, 'open-assignment', 0, '2026-12-24', '2026-12-24', NULL, NULL, 4, 4, 6, NULL);
INSERT INTO public.rollout_item VALUES (1, 3, 1, 5, 'completed', 0, NULL, NULL, '2027-03-01', '2027-03-01', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (1, 4, 1, 6, 'completed', 0, NULL, NULL, '2026-10-01', '2026-10-01', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (1, 5, 1, 7, 'skip-archived', 0, NULL, NULL, '2026-10-01', '2026-10-01', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (1, 6, 1, 8, 'completed', 0, NULL, NULL, '2026-05-01', '2026-05-01', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (1, 7, 2, 9, 'completed', 0, NULL, NULL, '2026-01-01', '2026-01-01', NULL, NULL, NULL, NULL);
INSERT INTO public.rollout_item VALUES (1, 8, 1, 10, 'skip-never-completed', 0, NULL, NULL, NULL, NULL, 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (1, 9, 1, 11, 'completed', 0, NULL, NULL, '2026-11-23', '2026-11-23', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (1, 10, 1, 12, 'open-assignment', 0, '2026-12-18', '2026-12-18', NULL, NULL, 1, 1, 13, NULL);
INSERT INTO public.rollout_item VALUES (2, 1, 1, 1, 'completed', 0, NULL, NULL, '2026-10-01', '2026-10-01', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (2, 1, 2, 2, 'completed', 0, NULL, NULL, '2027-01-15', '2027-01-15', 4, 4, NULL, NULL);
INSERT INTO public.rollout_item VALUES (2, 3, 1, 5, 'completed', 0, NULL, NULL, '2027-03-01', '2027-03-01', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (2, 4, 1, 6, 'completed', 0, NULL, NULL, '2026-10-01', '2026-10-01', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (2, 5, 1, 7, 'skip-archived', 0, NULL, NULL, '2026-10-01', '2026-10-01', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (2, 6, 1, 8, 'completed', 0, NULL, NULL, '2026-05-01', '2026-05-01', 2, 2, NULL, NULL);
INSERT INTO public.rollout_item VALUES (2, 7, 2, 9, 'completed', 0, NULL, NULL, '2026-01-01', '2026-01-01', 5, 5, NULL, NULL);
INSERT INTO public.rollout_item VALUES (2, 8, 1, 10, 'skip-never-completed', 0, NULL, NULL, NULL, NULL, 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (2, 9, 1, 11, 'completed', 0, NULL, NULL, '2026-11-23', '2026-11-23', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (2, 2, 1, 3, 'renotify', 0, '2026-10-31', '2026-12-18', NULL, NULL, 1, 1, 4, '2026-11-27 00:15:33.04703+00');
INSERT INTO public.rollout_item VALUES (2, 2, 2, 4, 'renotify-keep-due', 0, '2026-12-24', '2026-12-24', NULL, NULL, 4, 4, 6, '2026-11-27 00:15:33.04703+00');
INSERT INTO public.rollout_item VALUES (2, 10, 1, 12, 'renotify-keep-due', 0, '2026-12-18', '2026-12-18', NULL, NULL, 1, 1, 13, '2026-11-27 00:15:33.04703+00');
INSERT INTO public.rollout_item VALUES (3, 1, 1, 1, 'set-date-extends', 8, NULL, NULL, '2026-10-01', '2026-11-23', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (3, 1, 2, 2, 'set-date', 32, NULL, NULL, '2027-01-15', '2026-11-23', 4, 4, NULL, NULL);
INSERT INTO public.rollout_item VALUES (3, 2, 1, 3, 'skip-open-assignment', 0, '2026-12-18', '2026-12-18', NULL, NULL, 1, 1, 4, NULL);
INSERT INTO public.rollout_item VALUES (3, 2, 2, 4, 'skip-open-assignment', 0, '2026-12-24', '2026-12-24', NULL, NULL, 4, 4, 6, NULL);
INSERT INTO public.rollout_item VALUES (3, 3, 1, 5, 'set-date', 32, NULL, NULL, '2027-03-01', '2026-11-23', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (3, 4, 1, 6, 'set-date-extends', 9, NULL, NULL, '2026-10-01', '2026-11-23', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (3, 5, 1, 7, 'skip-archived', 0, NULL, NULL, '2026-10-01', '2026-10-01', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (3, 6, 1, 8, 'set-date-extends', 8, NULL, NULL, '2026-05-01', '2026-11-23', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (3, 7, 2, 9, 'skip-no-course', 0, NULL, NULL, '2026-01-01', '2026-01-01', NULL, NULL, NULL, NULL);
INSERT INTO public.rollout_item VALUES (3, 8, 1, 10, 'skip-never-completed', 0, NULL, NULL, NULL, NULL, 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (3, 9, 1, 11, 'skip-unchanged', 0, NULL, NULL, '2026-11-23', '2026-11-23', 1, 1, NULL, NULL);
INSERT INTO public.rollout_item VALUES (3, 10, 1, 12, 'skip-open-assignment', 0, '2026-12-18', '2026-12-18', NULL, NULL, 1, 1, 13, NULL);
INSERT INTO public.rollout_step VALUES (4, 1, 'disable-automatic-recertification', 4, 'pending', '2026-11-23', 0, NULL);
INSERT INTO public.rollout_step VALUES (5, 1, 'recertify-due', 5, 'pending', '2026-11-23', 0, NULL);
INSERT INTO public.rollout_step VALUES (6, 1, 'notify-learners', 6, 'pending', '2026-11-23', 0, NULL);
INSERT INTO public.rollout_step VALUES (1, 1, 'verify-completion', 1, 'passed', '2026-11-23', 0, '2026-11-27 00:15:31.319394+00');
INSERT INTO public.rollout_step VALUES (2, 1, 'renotify-incomplete', 2, 'applied', '2026-11-23', 1, '2026-11-27 00:15:33.618991+00');
INSERT INTO public.rollout_step VALUES (3, 1, 'set-recertification-dates', 3, 'in-review', '2026-11-23', 1, NULL);
INSERT INTO public.rollout_training_type VALUES (1, 1, true);
INSERT INTO public.rollout_training_type VALUES (1, 2, true);
INSERT INTO public.training_type VALUES (1, 'conduct', true);
INSERT INTO public.training_type VALUES (2, 'privacy', true);
INSERT INTO public.training_type VALUES (3, 'safety', true);
SELECT pg_catalog.setval('public.app_user_id_seq', 3, true);
SELECT pg_catalog.setval('public.approval_id_seq', 1, true);
SELECT pg_catalog.setval('public.assignment_id_seq', 13, true);
SELECT pg_catalog.setval('public.bounce_id_seq', 1, false);
SELECT pg_catalog.setval('public.certification_id_seq', 12, true);
SELECT pg_catalog.setval('public.course_id_seq', 6, true);
SELECT pg_catalog.setval('public.learner_id_seq', 10, true);
SELECT pg_catalog.setval('public.mail_template_id_seq', 1, false);
SELECT pg_catalog.setval('public.message_id_seq', 6, true);
SELECT pg_catalog.setval('public.proposal_id_seq', 3, true);
SELECT pg_catalog.setval('public.review_id_seq', 2, true);
SELECT pg_catalog.setval('public.rollout_id_seq', 1, true);
SELECT pg_catalog.setval('public.rollout_step_id_seq', 6, true);
SELECT pg_catalog.setval('public.selection_id_seq', 1, false);
SELECT pg_catalog.setval('public.sign_in_failure_id_seq', 1, false);
SELECT pg_catalog.setval('public.training_type_id_seq', 3, true);
SELECT pg_catalog.setval('public.web_session_id_seq', 1, false);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.app_user
    ADD CONSTRAINT pk_app_user PRIMARY KEY (id);
ALTER TABLE ONLY public.approval
    ADD CONSTRAINT pk_approval PRIMARY KEY (id);
ALTER TABLE ONLY public.assignment
    ADD CONSTRAINT pk_assignment PRIMARY KEY (id);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT pk_audit PRIMARY KEY (seq);
ALTER TABLE ONLY public.bounce
    ADD CONSTRAINT pk_bounce PRIMARY KEY (id);
ALTER TABLE ONLY public.certification
    ADD CONSTRAINT pk_certification PRIMARY KEY (id);
ALTER TABLE ONLY public.certification_before
    ADD CONSTRAINT pk_certification_before PRIMARY KEY (proposal_id, certification_id);
ALTER TABLE ONLY public.course
    ADD CONSTRAINT pk_course PRIMARY KEY (id);
ALTER TABLE ONLY public.exclusion
    ADD CONSTRAINT pk_exclusion PRIMARY KEY (rollout_id, learner_id);
ALTER TABLE ONLY public.form_sent
    ADD CONSTRAINT pk_form_sent PRIMARY KEY (key);
ALTER TABLE ONLY public.hold
    ADD CONSTRAINT pk_hold PRIMARY KEY (rollout_id, certification_id);
ALTER TABLE ONLY public.learner
    ADD CONSTRAINT pk_learner PRIMARY KEY (id);
ALTER TABLE ONLY public.learner_before
    ADD CONSTRAINT pk_learner_before PRIMARY KEY (proposal_id, learner_id);
ALTER TABLE ONLY public.mail_pace
    ADD CONSTRAINT pk_mail_pace PRIMARY KEY (tenth);
ALTER TABLE ONLY public.mail_pause
    ADD CONSTRAINT pk_mail_pause PRIMARY KEY (scope);
ALTER TABLE ONLY public.mail_template
    ADD CONSTRAINT pk_mail_template PRIMARY KEY (id);
ALTER TABLE ONLY public.message
    ADD CONSTRAINT pk_message PRIMARY KEY (id);
ALTER TABLE ONLY public.message_event
    ADD CONSTRAINT pk_message_event PRIMARY KEY (message_id, number);
ALTER TABLE ONLY public.message_line
    ADD CONSTRAINT pk_message_line PRIMARY KEY (message_id, assignment_id);
ALTER TABLE ONLY public.proposal
    ADD CONSTRAINT pk_proposal PRIMARY KEY (id);
ALTER TABLE ONLY public.review
    ADD CONSTRAINT pk_review PRIMARY KEY (id);
ALTER TABLE ONLY public.review_request
    ADD CONSTRAINT pk_review_request PRIMARY KEY (review_id, approver_id);
ALTER TABLE ONLY public.review_tick
    ADD CONSTRAINT pk_review_tick PRIMARY KEY (review_id, user_id, learner_id);
ALTER TABLE ONLY public.rollout
    ADD CONSTRAINT pk_rollout PRIMARY KEY (id);
ALTER TABLE ONLY public.rollout_item
    ADD CONSTRAINT pk_rollout_item PRIMARY KEY (proposal_id, learner_id, training_type_id);
ALTER TABLE ONLY public.rollout_step
    ADD CONSTRAINT pk_rollout_step PRIMARY KEY (id);
ALTER TABLE ONLY public.rollout_training_type
    ADD CONSTRAINT pk_rollout_training_type PRIMARY KEY (rollout_id, training_type_id);
ALTER TABLE ONLY public.selection
    ADD CONSTRAINT pk_selection PRIMARY KEY (id);
ALTER TABLE ONLY public.selection_line
    ADD CONSTRAINT pk_selection_line PRIMARY KEY (selection_id, learner_id, training_type_id);
ALTER TABLE ONLY public.setting
    ADD CONSTRAINT pk_setting PRIMARY KEY (name);
ALTER TABLE ONLY public.sign_in_failure
    ADD CONSTRAINT pk_sign_in_failure PRIMARY KEY (id);
ALTER TABLE ONLY public.training_type
    ADD CONSTRAINT pk_training_type PRIMARY KEY (id);
ALTER TABLE ONLY public.user_password
    ADD CONSTRAINT pk_user_password PRIMARY KEY (user_id);
ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT pk_web_session PRIMARY KEY (id);
ALTER TABLE ONLY public.app_user
    ADD CONSTRAINT uq_app_user_email_key UNIQUE (email_key);
ALTER TABLE ONLY public.assignment
    ADD CONSTRAINT uq_assignment_certification_id_cycle UNIQUE (certification_id, cycle);
ALTER TABLE ONLY public.bounce
    ADD CONSTRAINT uq_bounce_digest_recipient UNIQUE (digest, recipient);
ALTER TABLE ONLY public.certification
    ADD CONSTRAINT uq_certification_learner_id_training_type_id UNIQUE (learner_id, training_type_id);
ALTER TABLE ONLY public.course
    ADD CONSTRAINT uq_course_code UNIQUE (code);
ALTER TABLE ONLY public.learner
    ADD CONSTRAINT uq_learner_email_key UNIQUE (email_key);
ALTER TABLE ONLY public.learner
    ADD CONSTRAINT uq_learner_employee_id UNIQUE (employee_id);
ALTER TABLE ONLY public.message
    ADD CONSTRAINT uq_message_kind_recipient_occasion UNIQUE (kind, recipient, occasion);
ALTER TABLE ONLY public.message
    ADD CONSTRAINT uq_message_message_id UNIQUE (message_id);
ALTER TABLE ONLY public.proposal
    ADD CONSTRAINT uq_proposal_step_id_round UNIQUE (step_id, round);
ALTER TABLE ONLY public.rollout
    ADD CONSTRAINT uq_rollout_flow_run_id UNIQUE (flow_run_id);
ALTER TABLE ONLY public.rollout_step
    ADD CONSTRAINT uq_rollout_step_rollout_id_slug UNIQUE (rollout_id, slug);
ALTER TABLE ONLY public.training_type
    ADD CONSTRAINT uq_training_type_slug UNIQUE (slug);
ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT uq_web_session_token_digest UNIQUE (token_digest);
CREATE INDEX ix_approval_review_id ON public.approval USING btree (review_id);
CREATE INDEX ix_assignment_open_due ON public.assignment USING btree (due_on) WHERE (completed_on IS NULL);
CREATE INDEX ix_assignment_withdrawn_from ON public.assignment USING btree (withdrawn_from);
CREATE INDEX ix_bounce_message_id ON public.bounce USING btree (message_id);
CREATE INDEX ix_certification_training_type_id_learner_id ON public.certification USING btree (training_type_id, learner_id);
CREATE INDEX ix_hold_certification_id ON public.hold USING btree (certification_id);
CREATE INDEX ix_learner_last_name_first_name ON public.learner USING btree (last_name, first_name, id);
CREATE INDEX ix_mail_template_kind_language ON public.mail_template USING btree (kind, language, id);
CREATE INDEX ix_message_learner_id ON public.message USING btree (learner_id);
CREATE INDEX ix_message_line_assignment_id ON public.message_line USING btree (assignment_id);
CREATE INDEX ix_message_rollout_id ON public.message USING btree (rollout_id);
CREATE INDEX ix_message_state ON public.message USING btree (state, id);
CREATE INDEX ix_review_proposal_id ON public.review USING btree (proposal_id);
CREATE INDEX ix_rollout_item_certification_id ON public.rollout_item USING btree (certification_id);
CREATE INDEX ix_sign_in_failure_at ON public.sign_in_failure USING btree (at);
CREATE INDEX ix_web_session_user_id ON public.web_session USING btree (user_id);
CREATE UNIQUE INDEX uq_assignment_open ON public.assignment USING btree (certification_id) WHERE (completed_on IS NULL);
CREATE UNIQUE INDEX uq_proposal_current ON public.proposal USING btree (step_id) WHERE (withdrawn_at IS NULL);
CREATE UNIQUE INDEX uq_review_open ON public.review USING btree (proposal_id) WHERE (closed_at IS NULL);
CREATE UNIQUE INDEX uq_rollout_alive ON public.rollout_training_type USING btree (training_type_id) WHERE alive;
CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.audit_append_only();
ALTER TABLE ONLY public.approval
    ADD CONSTRAINT fk_approval_approver_id FOREIGN KEY (approver_id) REFERENCES public.app_user(id);
ALTER TABLE ONLY public.approval
    ADD CONSTRAINT fk_approval_review_id FOREIGN KEY (review_id) REFERENCES public.review(id);
ALTER TABLE ONLY public.assignment
    ADD CONSTRAINT fk_assignment_certification_id FOREIGN KEY (certification_id) REFERENCES public.certification(id);
ALTER TABLE ONLY public.assignment
    ADD CONSTRAINT fk_assignment_course_id FOREIGN KEY (course_id) REFERENCES public.course(id);
ALTER TABLE ONLY public.assignment
    ADD CONSTRAINT fk_assignment_rollout_id FOREIGN KEY (rollout_id) REFERENCES public.rollout(id);
ALTER TABLE ONLY public.assignment
    ADD CONSTRAINT fk_assignment_withdrawn_by FOREIGN KEY (withdrawn_by) REFERENCES public.rollout(id);
ALTER TABLE ONLY public.assignment
    ADD CONSTRAINT fk_assignment_withdrawn_from FOREIGN KEY (withdrawn_from) REFERENCES public.certification(id);
ALTER TABLE ONLY public.bounce
    ADD CONSTRAINT fk_bounce_message_id FOREIGN KEY (message_id) REFERENCES public.message(id);
ALTER TABLE ONLY public.certification
    ADD CONSTRAINT fk_certification_aligned_by FOREIGN KEY (aligned_by) REFERENCES public.rollout(id);
ALTER TABLE ONLY public.certification_before
    ADD CONSTRAINT fk_certification_before_aligned_by FOREIGN KEY (aligned_by) REFERENCES public.rollout(id);
ALTER TABLE ONLY public.certification_before
    ADD CONSTRAINT fk_certification_before_certification_id FOREIGN KEY (certification_id) REFERENCES public.certification(id);
ALTER TABLE ONLY public.certification_before
    ADD CONSTRAINT fk_certification_before_next_course_id FOREIGN KEY (next_course_id) REFERENCES public.course(id);
ALTER TABLE ONLY public.certification_before
    ADD CONSTRAINT fk_certification_before_proposal_id FOREIGN KEY (proposal_id) REFERENCES public.proposal(id);
ALTER TABLE ONLY public.certification
    ADD CONSTRAINT fk_certification_course_id FOREIGN KEY (course_id) REFERENCES public.course(id);
ALTER TABLE ONLY public.certification
    ADD CONSTRAINT fk_certification_learner_id FOREIGN KEY (learner_id) REFERENCES public.learner(id);
ALTER TABLE ONLY public.certification
    ADD CONSTRAINT fk_certification_next_course_id FOREIGN KEY (next_course_id) REFERENCES public.course(id);
ALTER TABLE ONLY public.certification
    ADD CONSTRAINT fk_certification_training_type_id FOREIGN KEY (training_type_id) REFERENCES public.training_type(id);
ALTER TABLE ONLY public.course
    ADD CONSTRAINT fk_course_successor_id FOREIGN KEY (successor_id) REFERENCES public.course(id);
ALTER TABLE ONLY public.course
    ADD CONSTRAINT fk_course_training_type_id FOREIGN KEY (training_type_id) REFERENCES public.training_type(id);
ALTER TABLE ONLY public.exclusion
    ADD CONSTRAINT fk_exclusion_learner_id FOREIGN KEY (learner_id) REFERENCES public.learner(id);
ALTER TABLE ONLY public.exclusion
    ADD CONSTRAINT fk_exclusion_rollout_id FOREIGN KEY (rollout_id) REFERENCES public.rollout(id);
ALTER TABLE ONLY public.hold
    ADD CONSTRAINT fk_hold_certification_id FOREIGN KEY (certification_id) REFERENCES public.certification(id);
ALTER TABLE ONLY public.hold
    ADD CONSTRAINT fk_hold_rollout_id FOREIGN KEY (rollout_id) REFERENCES public.rollout(id);
ALTER TABLE ONLY public.learner_before
    ADD CONSTRAINT fk_learner_before_learner_id FOREIGN KEY (learner_id) REFERENCES public.learner(id);
ALTER TABLE ONLY public.learner_before
    ADD CONSTRAINT fk_learner_before_proposal_id FOREIGN KEY (proposal_id) REFERENCES public.proposal(id);
ALTER TABLE ONLY public.message_event
    ADD CONSTRAINT fk_message_event_message_id FOREIGN KEY (message_id) REFERENCES public.message(id);
ALTER TABLE ONLY public.message
    ADD CONSTRAINT fk_message_learner_id FOREIGN KEY (learner_id) REFERENCES public.learner(id);
ALTER TABLE ONLY public.message_line
    ADD CONSTRAINT fk_message_line_assignment_id FOREIGN KEY (assignment_id) REFERENCES public.assignment(id);
ALTER TABLE ONLY public.message_line
    ADD CONSTRAINT fk_message_line_message_id FOREIGN KEY (message_id) REFERENCES public.message(id);
ALTER TABLE ONLY public.message
    ADD CONSTRAINT fk_message_rollout_id FOREIGN KEY (rollout_id) REFERENCES public.rollout(id);
ALTER TABLE ONLY public.proposal
    ADD CONSTRAINT fk_proposal_step_id FOREIGN KEY (step_id) REFERENCES public.rollout_step(id);
ALTER TABLE ONLY public.review
    ADD CONSTRAINT fk_review_proposal_id FOREIGN KEY (proposal_id) REFERENCES public.proposal(id);
ALTER TABLE ONLY public.review_request
    ADD CONSTRAINT fk_review_request_approver_id FOREIGN KEY (approver_id) REFERENCES public.app_user(id);
ALTER TABLE ONLY public.review_request
    ADD CONSTRAINT fk_review_request_review_id FOREIGN KEY (review_id) REFERENCES public.review(id);
ALTER TABLE ONLY public.review_tick
    ADD CONSTRAINT fk_review_tick_learner_id FOREIGN KEY (learner_id) REFERENCES public.learner(id);
ALTER TABLE ONLY public.review_tick
    ADD CONSTRAINT fk_review_tick_review_id FOREIGN KEY (review_id) REFERENCES public.review(id);
ALTER TABLE ONLY public.review_tick
    ADD CONSTRAINT fk_review_tick_user_id FOREIGN KEY (user_id) REFERENCES public.app_user(id);
ALTER TABLE ONLY public.rollout_item
    ADD CONSTRAINT fk_rollout_item_assignment_id FOREIGN KEY (assignment_id) REFERENCES public.assignment(id);
ALTER TABLE ONLY public.rollout_item
    ADD CONSTRAINT fk_rollout_item_certification_id FOREIGN KEY (certification_id) REFERENCES public.certification(id);
ALTER TABLE ONLY public.rollout_item
    ADD CONSTRAINT fk_rollout_item_course_after FOREIGN KEY (course_after) REFERENCES public.course(id);
ALTER TABLE ONLY public.rollout_item
    ADD CONSTRAINT fk_rollout_item_course_before FOREIGN KEY (course_before) REFERENCES public.course(id);
ALTER TABLE ONLY public.rollout_item
    ADD CONSTRAINT fk_rollout_item_learner_id FOREIGN KEY (learner_id) REFERENCES public.learner(id);
ALTER TABLE ONLY public.rollout_item
    ADD CONSTRAINT fk_rollout_item_proposal_id FOREIGN KEY (proposal_id) REFERENCES public.proposal(id);
ALTER TABLE ONLY public.rollout_step
    ADD CONSTRAINT fk_rollout_step_rollout_id FOREIGN KEY (rollout_id) REFERENCES public.rollout(id);
ALTER TABLE ONLY public.rollout_training_type
    ADD CONSTRAINT fk_rollout_training_type_rollout_id FOREIGN KEY (rollout_id) REFERENCES public.rollout(id);
ALTER TABLE ONLY public.rollout_training_type
    ADD CONSTRAINT fk_rollout_training_type_training_type_id FOREIGN KEY (training_type_id) REFERENCES public.training_type(id);
ALTER TABLE ONLY public.selection_line
    ADD CONSTRAINT fk_selection_line_learner_id FOREIGN KEY (learner_id) REFERENCES public.learner(id);
ALTER TABLE ONLY public.selection_line
    ADD CONSTRAINT fk_selection_line_selection_id FOREIGN KEY (selection_id) REFERENCES public.selection(id);
ALTER TABLE ONLY public.user_password
    ADD CONSTRAINT fk_user_password_user_id FOREIGN KEY (user_id) REFERENCES public.app_user(id);
ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT fk_web_session_user_id FOREIGN KEY (user_id) REFERENCES public.app_user(id);
