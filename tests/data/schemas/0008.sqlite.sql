BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0008');
CREATE TABLE app_user (
	id INTEGER NOT NULL, 
	email VARCHAR(320) NOT NULL, 
	email_key VARCHAR(320) NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	roles JSON NOT NULL, 
	disabled_at VARCHAR(27), weekly_digest BOOLEAN DEFAULT false NOT NULL, 
	CONSTRAINT pk_app_user PRIMARY KEY (id), 
	CONSTRAINT uq_app_user_email_key UNIQUE (email_key)
);
INSERT INTO "app_user" VALUES(1,'opal@example.org','opal@example.org','Opal','["operator"]',NULL,0);
INSERT INTO "app_user" VALUES(2,'ava@example.org','ava@example.org','Ava','["approver"]',NULL,0);
INSERT INTO "app_user" VALUES(3,'bo@example.org','bo@example.org','Bo','["approver"]',NULL,0);
CREATE TABLE approval (
	id INTEGER NOT NULL, 
	review_id INTEGER NOT NULL, 
	approver_id INTEGER NOT NULL, 
	decision VARCHAR(10) NOT NULL, 
	again BOOLEAN DEFAULT (false) NOT NULL, 
	digest_proposed VARCHAR(64) NOT NULL, 
	digest_approved VARCHAR(64) NOT NULL, 
	exclusions JSON NOT NULL, 
	comment TEXT DEFAULT '' NOT NULL, 
	channel VARCHAR(20) NOT NULL, 
	answered_at VARCHAR(27) NOT NULL, 
	void_at VARCHAR(27), 
	consumed_at VARCHAR(27), 
	CONSTRAINT pk_approval PRIMARY KEY (id), 
	CONSTRAINT fk_approval_approver_id FOREIGN KEY(approver_id) REFERENCES app_user (id), 
	CONSTRAINT fk_approval_review_id FOREIGN KEY(review_id) REFERENCES review (id)
);
INSERT INTO "approval" VALUES(1,1,2,'approve',0,'180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a','180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a','[]','','command-line','2026-11-27T00:15:20.817411Z',NULL,'2026-11-27T00:15:21.086578Z');
CREATE TABLE "assignment" (
	id INTEGER NOT NULL, 
	certification_id INTEGER, 
	cycle INTEGER NOT NULL, 
	course_id INTEGER NOT NULL, 
	assigned_on DATE, 
	due_on DATE, 
	first_due_on DATE, 
	progress INTEGER DEFAULT '0' NOT NULL, 
	completed_on DATE, 
	rollout_id INTEGER, 
	withdrawn_from INTEGER, 
	withdrawn_by INTEGER, 
	withdrawn_at VARCHAR(27), 
	CONSTRAINT pk_assignment PRIMARY KEY (id), 
	CONSTRAINT fk_assignment_rollout_id FOREIGN KEY(rollout_id) REFERENCES rollout (id), 
	CONSTRAINT fk_assignment_course_id FOREIGN KEY(course_id) REFERENCES course (id), 
	CONSTRAINT ck_assignment_dated CHECK (assigned_on IS NOT NULL OR completed_on IS NOT NULL), 
	CONSTRAINT ck_assignment_progress CHECK (progress BETWEEN 0 AND 100), 
	CONSTRAINT uq_assignment_certification_id_cycle UNIQUE (certification_id, cycle), 
	CONSTRAINT fk_assignment_certification_id FOREIGN KEY(certification_id) REFERENCES certification (id), 
	CONSTRAINT fk_assignment_withdrawn_from FOREIGN KEY(withdrawn_from) REFERENCES certification (id), 
	CONSTRAINT fk_assignment_withdrawn_by FOREIGN KEY(withdrawn_by) REFERENCES rollout (id), 
	CONSTRAINT ck_assignment_withdrawn CHECK ((certification_id IS NULL) = (withdrawn_from IS NOT NULL))
);
INSERT INTO "assignment" VALUES(1,1,1,1,'2025-10-01',NULL,NULL,100,'2025-10-01',NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(2,2,1,4,'2025-01-15',NULL,NULL,100,'2025-01-15',NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(3,3,1,1,'2025-10-01',NULL,NULL,100,'2025-10-01',NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(4,3,2,1,'2026-10-01','2026-12-18','2026-10-31',40,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(5,4,1,4,'2025-10-01',NULL,NULL,100,'2025-10-01',NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(6,4,2,4,'2026-10-01','2026-12-24',NULL,0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(7,5,1,1,'2026-03-01',NULL,NULL,100,'2026-03-01',NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(8,6,1,1,'2025-10-01',NULL,NULL,100,'2025-10-01',NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(9,7,1,1,'2025-10-01',NULL,NULL,100,'2025-10-01',NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(10,8,1,2,'2025-05-01',NULL,NULL,100,'2025-05-01',NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(11,9,1,5,'2024-01-01',NULL,NULL,100,'2024-01-01',NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(12,11,1,1,'2025-10-01',NULL,NULL,100,'2025-10-01',NULL,NULL,NULL,NULL);
INSERT INTO "assignment" VALUES(13,12,1,1,'2026-10-01','2026-12-18',NULL,0,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE audit (
	seq INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	actor VARCHAR(320) NOT NULL, 
	act VARCHAR(60) NOT NULL, 
	subject VARCHAR(200) NOT NULL, 
	detail TEXT NOT NULL, 
	previous VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (seq)
);
INSERT INTO "audit" VALUES(1,'2026-11-23T09:00:00.000000Z','tests','add-user','user:1','{"disabled":false,"email":"opal@example.org","name":"Opal","roles":["operator"]}','0000000000000000000000000000000000000000000000000000000000000000','ae6e8ee71d9601affd3c742f6e1d65af8e52d2cb8c4b76b2e1e714f5f96ac78e');
INSERT INTO "audit" VALUES(2,'2026-11-23T09:00:00.000000Z','tests','add-user','user:2','{"disabled":false,"email":"ava@example.org","name":"Ava","roles":["approver"]}','ae6e8ee71d9601affd3c742f6e1d65af8e52d2cb8c4b76b2e1e714f5f96ac78e','bb293e2ec55e0eab8b162f0c552dcade3e13942c8d609d218cb5694b51ca3e8f');
INSERT INTO "audit" VALUES(3,'2026-11-23T09:00:00.000000Z','tests','add-user','user:3','{"disabled":false,"email":"bo@example.org","name":"Bo","roles":["approver"]}','bb293e2ec55e0eab8b162f0c552dcade3e13942c8d609d218cb5694b51ca3e8f','101de51db913e2f94738c43cde52d60d3cdbe1a54d857c572c02becaedbe7119');
INSERT INTO "audit" VALUES(4,'2026-11-27T00:15:12.910766Z','opal@example.org','start-rollout','rollout 1','{"confirmed":true,"plan":{"align_on":"2026-11-23","audience":{"departments":[],"exclude":[],"locations":[]},"bring_forward_at_most_days":null,"due_in_days":30,"extend_at_most_days":null,"incomplete":{"new_due_on":"2026-12-18"},"name":"annual-2027","next_course":{},"recertify_on":"2026-11-23","restore_automatic":true,"reviews":{"approvals_required":1,"expires_in_days":7,"steps":["renotify-incomplete","set-recertification-dates","recertify-due"]},"skip_if_completed_within_days":0,"training_types":["conduct","privacy"]}}','101de51db913e2f94738c43cde52d60d3cdbe1a54d857c572c02becaedbe7119','2637e0ba8fa5cedf147f03ef47681ecec8ba46e3df08a998c0c53f348f0b74a8');
INSERT INTO "audit" VALUES(5,'2026-11-27T00:15:19.571637Z','rollout 1','propose','rollout 1 verify-completion','{"counts":{"completed":7,"open-assignment":3,"skip-archived":1,"skip-never-completed":1},"digest":"e3afd88f55eb0bd435d44d58812f5087915daa695f2c051785210928e86715e9","round":1}','2637e0ba8fa5cedf147f03ef47681ecec8ba46e3df08a998c0c53f348f0b74a8','86c8b3819a37bf0ed6ec3670f41f221b9cf0c7fc2021bb2e96ead15123d70995');
INSERT INTO "audit" VALUES(6,'2026-11-27T00:15:19.989886Z','rollout 1','propose','rollout 1 renotify-incomplete','{"counts":{"completed":7,"renotify":1,"renotify-keep-due":2,"skip-archived":1,"skip-never-completed":1},"digest":"180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a","round":1}','86c8b3819a37bf0ed6ec3670f41f221b9cf0c7fc2021bb2e96ead15123d70995','335f5590f6cb8b61d8f344f179127806b4bbf9564235fd5fe81cffbbb965733d');
INSERT INTO "audit" VALUES(7,'2026-11-27T00:15:19.991690Z','rollout 1','open-review','rollout 1 renotify-incomplete','{"counts":{"completed":7,"renotify":1,"renotify-keep-due":2,"skip-archived":1,"skip-never-completed":1},"digest":"180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a"}','335f5590f6cb8b61d8f344f179127806b4bbf9564235fd5fe81cffbbb965733d','69e4825430cfd78eb1fecdf8258bab10a10eb384f58541091c2ad96edd16b3ad');
INSERT INTO "audit" VALUES(8,'2026-11-27T00:15:20.853425Z','ava@example.org','review-approved','rollout 1 renotify-incomplete','{"channel":"command-line","comment":"","decision":"approve","digest":"180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a","digest_proposed":"180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a","excluded":0}','69e4825430cfd78eb1fecdf8258bab10a10eb384f58541091c2ad96edd16b3ad','f9709bd2ec13c4cef1749faf07e3e8164d71c0c88fb4d2acd968e67289ae7560');
INSERT INTO "audit" VALUES(9,'2026-11-27T00:15:21.097724Z','rollout 1','apply-chunk','rollout 1 renotify-incomplete','{"applied":3,"changed_since_review":0,"digest":"180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a","learners":[1,10]}','f9709bd2ec13c4cef1749faf07e3e8164d71c0c88fb4d2acd968e67289ae7560','e32c06d22404836325894e34b9aa6af2341ce423f49b4dd842d41d780c4f3485');
INSERT INTO "audit" VALUES(10,'2026-11-27T00:15:22.157145Z','rollout 1','propose','rollout 1 set-recertification-dates','{"counts":{"set-date":2,"set-date-extends":3,"skip-archived":1,"skip-never-completed":1,"skip-no-course":1,"skip-open-assignment":3,"skip-unchanged":1},"digest":"9dad76695f9fd4e1322dc6183611285468d1efe2d650baf21a624090af4b76f9","round":1}','e32c06d22404836325894e34b9aa6af2341ce423f49b4dd842d41d780c4f3485','5fab06e78bdaaae7646d0b83a0258c9da46ae671843f293c46e81ff014f37e01');
INSERT INTO "audit" VALUES(11,'2026-11-27T00:15:22.170982Z','rollout 1','open-review','rollout 1 set-recertification-dates','{"counts":{"set-date":2,"set-date-extends":3,"skip-archived":1,"skip-never-completed":1,"skip-no-course":1,"skip-open-assignment":3,"skip-unchanged":1},"digest":"9dad76695f9fd4e1322dc6183611285468d1efe2d650baf21a624090af4b76f9"}','5fab06e78bdaaae7646d0b83a0258c9da46ae671843f293c46e81ff014f37e01','4a6b2e0c45ff004c21095970b4376f863e0f7c1d3d3a4e50e6b22f3fd1a7d222');
CREATE TABLE bounce (
	id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	recipient VARCHAR(320) NOT NULL, 
	message_id INTEGER, 
	action VARCHAR(20) NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	diagnostic VARCHAR(500), 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_bounce PRIMARY KEY (id), 
	CONSTRAINT fk_bounce_message_id FOREIGN KEY(message_id) REFERENCES message (id), 
	CONSTRAINT uq_bounce_digest_recipient UNIQUE (digest, recipient)
);
CREATE TABLE certification (
	id INTEGER NOT NULL, 
	learner_id INTEGER NOT NULL, 
	training_type_id INTEGER NOT NULL, 
	cycle INTEGER DEFAULT '0' NOT NULL, 
	course_id INTEGER, 
	next_course_id INTEGER, 
	completed_on DATE, 
	computed_on DATE, 
	override_on DATE, 
	override_by VARCHAR(320), 
	override_at VARCHAR(27), 
	override_reason VARCHAR(300), 
	aligned_by INTEGER, left_to_people_on DATE, left_to_people_because VARCHAR(30), 
	CONSTRAINT pk_certification PRIMARY KEY (id), 
	CONSTRAINT fk_certification_aligned_by FOREIGN KEY(aligned_by) REFERENCES rollout (id), 
	CONSTRAINT fk_certification_course_id FOREIGN KEY(course_id) REFERENCES course (id), 
	CONSTRAINT fk_certification_learner_id FOREIGN KEY(learner_id) REFERENCES learner (id), 
	CONSTRAINT fk_certification_next_course_id FOREIGN KEY(next_course_id) REFERENCES course (id), 
	CONSTRAINT fk_certification_training_type_id FOREIGN KEY(training_type_id) REFERENCES training_type (id), 
	CONSTRAINT uq_certification_learner_id_training_type_id UNIQUE (learner_id, training_type_id)
);
INSERT INTO "certification" VALUES(1,1,1,1,1,NULL,'2025-10-01','2026-10-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "certification" VALUES(2,1,2,1,4,NULL,'2025-01-15','2027-01-15',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "certification" VALUES(3,2,1,2,1,NULL,'2025-10-01','2026-10-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "certification" VALUES(4,2,2,2,4,NULL,'2025-10-01','2026-10-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "certification" VALUES(5,3,1,1,1,NULL,'2026-03-01','2027-03-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "certification" VALUES(6,4,1,1,1,NULL,'2025-10-01','2026-10-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "certification" VALUES(7,5,1,1,1,NULL,'2025-10-01','2026-10-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "certification" VALUES(8,6,1,1,2,NULL,'2025-05-01','2026-05-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "certification" VALUES(9,7,2,1,5,NULL,'2024-01-01','2026-01-01',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "certification" VALUES(10,8,1,0,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "certification" VALUES(11,9,1,1,1,NULL,'2025-10-01','2026-10-01','2026-11-23',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "certification" VALUES(12,10,1,1,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE certification_before (
	proposal_id INTEGER NOT NULL, 
	certification_id INTEGER NOT NULL, 
	next_course_id INTEGER, 
	computed_on DATE, 
	override_on DATE, 
	override_by VARCHAR(320), 
	override_at VARCHAR(27), 
	override_reason VARCHAR(300), 
	aligned_by INTEGER, 
	left_to_people_on DATE, 
	left_to_people_because VARCHAR(30), 
	CONSTRAINT pk_certification_before PRIMARY KEY (proposal_id, certification_id), 
	CONSTRAINT fk_certification_before_proposal_id FOREIGN KEY(proposal_id) REFERENCES proposal (id), 
	CONSTRAINT fk_certification_before_certification_id FOREIGN KEY(certification_id) REFERENCES certification (id), 
	CONSTRAINT fk_certification_before_next_course_id FOREIGN KEY(next_course_id) REFERENCES course (id), 
	CONSTRAINT fk_certification_before_aligned_by FOREIGN KEY(aligned_by) REFERENCES rollout (id)
)
 WITHOUT ROWID

;
CREATE TABLE course (
	id INTEGER NOT NULL, 
	code VARCHAR(100) NOT NULL, 
	title VARCHAR(300) NOT NULL, 
	training_type_id INTEGER NOT NULL, 
	frequency_months INTEGER, 
	successor_id INTEGER, 
	retired_on DATE, 
	link VARCHAR(1000), regions JSON, roles JSON, 
	CONSTRAINT pk_course PRIMARY KEY (id), 
	CONSTRAINT ck_course_frequency CHECK (frequency_months >= 1), 
	CONSTRAINT fk_course_successor_id FOREIGN KEY(successor_id) REFERENCES course (id), 
	CONSTRAINT fk_course_training_type_id FOREIGN KEY(training_type_id) REFERENCES training_type (id), 
	CONSTRAINT uq_course_code UNIQUE (code)
);
INSERT INTO "course" VALUES(1,'C-1','Course C-1',1,12,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "course" VALUES(2,'C-0','Course C-0',1,12,1,'2025-06-30',NULL,NULL,NULL);
INSERT INTO "course" VALUES(3,'C-2','Course C-2',1,12,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "course" VALUES(4,'P-1','Course P-1',2,24,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "course" VALUES(5,'P-OLD','Course P-OLD',2,24,NULL,'2024-12-31',NULL,NULL,NULL);
INSERT INTO "course" VALUES(6,'N-1','Course N-1',3,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE exclusion (
	rollout_id INTEGER NOT NULL, 
	learner_id INTEGER NOT NULL, 
	excluded_by VARCHAR(320) NOT NULL, 
	excluded_at VARCHAR(27) NOT NULL, 
	released_at VARCHAR(27), 
	CONSTRAINT pk_exclusion PRIMARY KEY (rollout_id, learner_id), 
	CONSTRAINT fk_exclusion_learner_id FOREIGN KEY(learner_id) REFERENCES learner (id), 
	CONSTRAINT fk_exclusion_rollout_id FOREIGN KEY(rollout_id) REFERENCES rollout (id)
);
CREATE TABLE form_sent (
	"key" VARCHAR(64) NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_form_sent PRIMARY KEY ("key")
);
CREATE TABLE hold (
	rollout_id INTEGER NOT NULL, 
	certification_id INTEGER NOT NULL, 
	held_at VARCHAR(27) NOT NULL, 
	ended_at VARCHAR(27), 
	CONSTRAINT pk_hold PRIMARY KEY (rollout_id, certification_id), 
	CONSTRAINT fk_hold_certification_id FOREIGN KEY(certification_id) REFERENCES certification (id), 
	CONSTRAINT fk_hold_rollout_id FOREIGN KEY(rollout_id) REFERENCES rollout (id)
);
CREATE TABLE learner (
	id INTEGER NOT NULL, 
	email VARCHAR(320), 
	email_key VARCHAR(320), 
	employee_id VARCHAR(100), 
	first_name VARCHAR(100) DEFAULT '' NOT NULL, 
	last_name VARCHAR(100) DEFAULT '' NOT NULL, 
	department VARCHAR(100), 
	location VARCHAR(100), 
	role VARCHAR(100), 
	manager_email VARCHAR(320), 
	language VARCHAR(35), 
	time_zone VARCHAR(64), 
	archived_at VARCHAR(27), 
	CONSTRAINT pk_learner PRIMARY KEY (id), 
	CONSTRAINT ck_learner_somebody CHECK (email_key IS NOT NULL OR employee_id IS NOT NULL), 
	CONSTRAINT uq_learner_email_key UNIQUE (email_key), 
	CONSTRAINT uq_learner_employee_id UNIQUE (employee_id)
);
INSERT INTO "learner" VALUES(1,'l1@example.com','l1@example.com','E1','First1','Last1','Sales',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "learner" VALUES(2,'l2@example.com','l2@example.com','E2','First2','Last2','Sales',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "learner" VALUES(3,'l3@example.com','l3@example.com','E3','First3','Last3','Sales',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "learner" VALUES(4,NULL,NULL,'E4','First4','Last4','Sales',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "learner" VALUES(5,'l5@example.com','l5@example.com','E5','First5','Last5','Sales',NULL,NULL,NULL,NULL,NULL,'2026-11-23T09:00:00.000000Z');
INSERT INTO "learner" VALUES(6,'l6@example.com','l6@example.com','E6','First6','Last6','Sales',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "learner" VALUES(7,'l7@example.com','l7@example.com','E7','First7','Last7','Sales',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "learner" VALUES(8,'l8@example.com','l8@example.com','E8','First8','Last8','Sales',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "learner" VALUES(9,'l9@example.com','l9@example.com','E9','First9','Last9','Sales',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "learner" VALUES(10,'l10@example.com','l10@example.com','E10','First10','Last10','Finance',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE learner_before (
	proposal_id INTEGER NOT NULL, 
	learner_id INTEGER NOT NULL, 
	archived_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_learner_before PRIMARY KEY (proposal_id, learner_id), 
	CONSTRAINT fk_learner_before_proposal_id FOREIGN KEY(proposal_id) REFERENCES proposal (id), 
	CONSTRAINT fk_learner_before_learner_id FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 WITHOUT ROWID

;
CREATE TABLE mail_pace (
	tenth INTEGER NOT NULL, 
	letters INTEGER NOT NULL, 
	CONSTRAINT pk_mail_pace PRIMARY KEY (tenth)
);
CREATE TABLE mail_pause (
	scope VARCHAR(30) NOT NULL, 
	"by" VARCHAR(320) NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_mail_pause PRIMARY KEY (scope)
);
CREATE TABLE mail_template (
	id INTEGER NOT NULL, 
	kind VARCHAR(30) NOT NULL, 
	language VARCHAR(35) NOT NULL, 
	subject TEXT, 
	text TEXT, 
	html TEXT, 
	"by" VARCHAR(320) NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_mail_template PRIMARY KEY (id)
);
CREATE TABLE message (
	id INTEGER NOT NULL, 
	kind VARCHAR(30) NOT NULL, 
	occasion VARCHAR(100) NOT NULL, 
	recipient VARCHAR(60) NOT NULL, 
	learner_id INTEGER, 
	to_address VARCHAR(320) NOT NULL, 
	rollout_id INTEGER, 
	context JSON, 
	state VARCHAR(12) NOT NULL, 
	flagged BOOLEAN DEFAULT (false) NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	deferrals INTEGER DEFAULT '0' NOT NULL, 
	message_id VARCHAR(200) NOT NULL, 
	last_reply VARCHAR(500), 
	created_at VARCHAR(27) NOT NULL, 
	next_try_at VARCHAR(27), 
	claimed_by VARCHAR(40), 
	claimed_at VARCHAR(27), 
	sent_at VARCHAR(27), events INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_message PRIMARY KEY (id), 
	CONSTRAINT fk_message_learner_id FOREIGN KEY(learner_id) REFERENCES learner (id), 
	CONSTRAINT fk_message_rollout_id FOREIGN KEY(rollout_id) REFERENCES rollout (id), 
	CONSTRAINT uq_message_kind_recipient_occasion UNIQUE (kind, recipient, occasion), 
	CONSTRAINT uq_message_message_id UNIQUE (message_id)
);
INSERT INTO "message" VALUES(1,'review-request','review:1:1','user:2',NULL,'ava@example.org',1,'{"rollout": 1, "user": 2, "review": 1, "issue": 1}','sent',0,1,0,'<review-request.2.b6772f86095fbc30@example.org>','250 2.0.0 kept','2026-11-27T00:15:20.012348Z',NULL,NULL,NULL,'2026-11-27T00:15:20.650109Z',1);
INSERT INTO "message" VALUES(2,'review-request','review:1:1','user:3',NULL,'bo@example.org',1,'{"rollout": 1, "user": 3, "review": 1, "issue": 1}','sent',0,1,0,'<review-request.3.b6772f86095fbc30@example.org>','250 2.0.0 kept','2026-11-27T00:15:20.021921Z',NULL,NULL,NULL,'2026-11-27T00:15:20.650109Z',1);
INSERT INTO "message" VALUES(3,'renotification','rollout:1:renotification','learner:2',2,'l2@example.com',1,NULL,'sent',0,1,0,'<renotification.2.14772f22b897c231@example.org>','250 2.0.0 kept','2026-11-27T00:15:21.097724Z',NULL,NULL,NULL,'2026-11-27T00:15:21.791350Z',1);
INSERT INTO "message" VALUES(4,'renotification','rollout:1:renotification','learner:10',10,'l10@example.com',1,NULL,'sent',0,1,0,'<renotification.10.14772f22b897c231@example.org>','250 2.0.0 kept','2026-11-27T00:15:21.097724Z',NULL,NULL,NULL,'2026-11-27T00:15:21.791350Z',1);
INSERT INTO "message" VALUES(5,'review-request','review:2:1','user:2',NULL,'ava@example.org',1,'{"rollout": 1, "user": 2, "review": 2, "issue": 1}','sent',0,1,0,'<review-request.2.7b27edf4498ed4f1@example.org>','250 2.0.0 kept','2026-11-27T00:15:22.173815Z',NULL,NULL,NULL,'2026-11-27T00:15:22.609066Z',1);
INSERT INTO "message" VALUES(6,'review-request','review:2:1','user:3',NULL,'bo@example.org',1,'{"rollout": 1, "user": 3, "review": 2, "issue": 1}','sent',0,1,0,'<review-request.3.7b27edf4498ed4f1@example.org>','250 2.0.0 kept','2026-11-27T00:15:22.188389Z',NULL,NULL,NULL,'2026-11-27T00:15:22.609066Z',1);
CREATE TABLE message_event (
	message_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	what VARCHAR(20) NOT NULL, 
	server VARCHAR(260), 
	reply VARCHAR(500), 
	"by" VARCHAR(320) NOT NULL, 
	CONSTRAINT pk_message_event PRIMARY KEY (message_id, number), 
	CONSTRAINT fk_message_event_message_id FOREIGN KEY(message_id) REFERENCES message (id)
)
 WITHOUT ROWID

;
INSERT INTO "message_event" VALUES(1,1,'2026-11-27T00:15:20.650109Z','sent','127.0.0.1:35203','250 2.0.0 kept','rollout-1-1');
INSERT INTO "message_event" VALUES(2,1,'2026-11-27T00:15:20.650109Z','sent','127.0.0.1:35203','250 2.0.0 kept','rollout-1-1');
INSERT INTO "message_event" VALUES(3,1,'2026-11-27T00:15:21.791350Z','sent','127.0.0.1:35203','250 2.0.0 kept','rollout-1-2');
INSERT INTO "message_event" VALUES(4,1,'2026-11-27T00:15:21.791350Z','sent','127.0.0.1:35203','250 2.0.0 kept','rollout-1-2');
INSERT INTO "message_event" VALUES(5,1,'2026-11-27T00:15:22.609066Z','sent','127.0.0.1:35203','250 2.0.0 kept','rollout-1-2');
INSERT INTO "message_event" VALUES(6,1,'2026-11-27T00:15:22.609066Z','sent','127.0.0.1:35203','250 2.0.0 kept','rollout-1-2');
CREATE TABLE message_line (
	message_id INTEGER NOT NULL, 
	assignment_id INTEGER NOT NULL, 
	due_on DATE, told_on DATE, 
	CONSTRAINT pk_message_line PRIMARY KEY (message_id, assignment_id), 
	CONSTRAINT fk_message_line_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignment (id), 
	CONSTRAINT fk_message_line_message_id FOREIGN KEY(message_id) REFERENCES message (id)
)
 WITHOUT ROWID

;
INSERT INTO "message_line" VALUES(3,4,'2026-12-18','2026-11-23');
INSERT INTO "message_line" VALUES(3,6,'2026-12-24','2026-11-23');
INSERT INTO "message_line" VALUES(4,13,'2026-12-18','2026-11-23');
CREATE TABLE proposal (
	id INTEGER NOT NULL, 
	step_id INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	proposed_on DATE NOT NULL, 
	proposed_at VARCHAR(27) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	counts JSON NOT NULL, 
	facts JSON NOT NULL, 
	withdrawn_at VARCHAR(27), 
	CONSTRAINT pk_proposal PRIMARY KEY (id), 
	CONSTRAINT fk_proposal_step_id FOREIGN KEY(step_id) REFERENCES rollout_step (id), 
	CONSTRAINT uq_proposal_step_id_round UNIQUE (step_id, round)
);
INSERT INTO "proposal" VALUES(1,1,1,'2026-11-23','2026-11-27T00:15:19.409770Z','e3afd88f55eb0bd435d44d58812f5087915daa695f2c051785210928e86715e9','{"completed": 7, "open-assignment": 3, "skip-archived": 1, "skip-never-completed": 1}','{}',NULL);
INSERT INTO "proposal" VALUES(2,2,1,'2026-11-23','2026-11-27T00:15:19.771028Z','180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a','{"renotify": 1, "renotify-keep-due": 2, "completed": 7, "skip-archived": 1, "skip-never-completed": 1}','{"past_due": 1, "past_due_since": "2026-10-31"}',NULL);
INSERT INTO "proposal" VALUES(3,3,1,'2026-11-23','2026-11-27T00:15:22.053332Z','9dad76695f9fd4e1322dc6183611285468d1efe2d650baf21a624090af4b76f9','{"set-date": 2, "set-date-extends": 3, "skip-unchanged": 1, "skip-open-assignment": 3, "skip-archived": 1, "skip-never-completed": 1, "skip-no-course": 1}','{"no-email": 1, "already-due": 3, "brought-forward": 2, "extends_by_at_most_days": 206, "brings_forward_by_at_most_days": 98}',NULL);
CREATE TABLE review (
	id INTEGER NOT NULL, 
	proposal_id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	opened_at VARCHAR(27) NOT NULL, 
	last_on DATE NOT NULL, 
	closed_at VARCHAR(27), 
	outcome VARCHAR(20), 
	false_answers INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_review PRIMARY KEY (id), 
	CONSTRAINT fk_review_proposal_id FOREIGN KEY(proposal_id) REFERENCES proposal (id)
);
INSERT INTO "review" VALUES(1,2,'180f859f86b32b16cb9e197455bc55b280187d744feae78af0e5130b8a72603a','2026-11-27T00:15:19.991690Z','2026-11-30','2026-11-27T00:15:20.817411Z','approved',0);
INSERT INTO "review" VALUES(2,3,'9dad76695f9fd4e1322dc6183611285468d1efe2d650baf21a624090af4b76f9','2026-11-27T00:15:22.170982Z','2026-11-23',NULL,NULL,0);
CREATE TABLE review_request (
	review_id INTEGER NOT NULL, 
	approver_id INTEGER NOT NULL, 
	issue INTEGER DEFAULT '1' NOT NULL, 
	wrong_codes INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_review_request PRIMARY KEY (review_id, approver_id), 
	CONSTRAINT fk_review_request_approver_id FOREIGN KEY(approver_id) REFERENCES app_user (id), 
	CONSTRAINT fk_review_request_review_id FOREIGN KEY(review_id) REFERENCES review (id)
);
INSERT INTO "review_request" VALUES(1,2,1,0);
INSERT INTO "review_request" VALUES(1,3,1,0);
INSERT INTO "review_request" VALUES(2,2,1,0);
INSERT INTO "review_request" VALUES(2,3,1,0);
CREATE TABLE review_tick (
	review_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	learner_id INTEGER NOT NULL, 
	CONSTRAINT pk_review_tick PRIMARY KEY (review_id, user_id, learner_id), 
	CONSTRAINT fk_review_tick_learner_id FOREIGN KEY(learner_id) REFERENCES learner (id), 
	CONSTRAINT fk_review_tick_review_id FOREIGN KEY(review_id) REFERENCES review (id), 
	CONSTRAINT fk_review_tick_user_id FOREIGN KEY(user_id) REFERENCES app_user (id)
);
CREATE TABLE rollout (
	id INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	"plan" JSON NOT NULL, 
	requested_by VARCHAR(320) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	started_at VARCHAR(27) NOT NULL, 
	started_on DATE NOT NULL, 
	confirmed_at VARCHAR(27), 
	confirmations INTEGER DEFAULT '0' NOT NULL, 
	finished_at VARCHAR(27), 
	reason VARCHAR(500), 
	flow_run_id VARCHAR(36), 
	run_number INTEGER DEFAULT '1' NOT NULL, 
	epoch INTEGER DEFAULT '0' NOT NULL, 
	heartbeat_at VARCHAR(27), action VARCHAR(30), 
	CONSTRAINT pk_rollout PRIMARY KEY (id), 
	CONSTRAINT uq_rollout_flow_run_id UNIQUE (flow_run_id)
);
INSERT INTO "rollout" VALUES(1,'annual-2027','{"name": "annual-2027", "training_types": ["conduct", "privacy"], "recertify_on": "2026-11-23", "due_in_days": 30, "align_on": "2026-11-23", "skip_if_completed_within_days": 0, "extend_at_most_days": null, "bring_forward_at_most_days": null, "restore_automatic": true, "incomplete": {"new_due_on": "2026-12-18"}, "next_course": {}, "audience": {"departments": [], "locations": [], "exclude": []}, "reviews": {"steps": ["renotify-incomplete", "set-recertification-dates", "recertify-due"], "approvals_required": 1, "expires_in_days": 7}}','opal@example.org','in-review','2026-11-27T00:15:12.891816Z','2026-11-23','2026-11-27T00:15:12.891816Z',0,NULL,NULL,NULL,1,2,'2026-11-27T00:15:22.687449Z',NULL);
CREATE TABLE "rollout_item" (
	proposal_id INTEGER NOT NULL, 
	learner_id INTEGER NOT NULL, 
	training_type_id INTEGER NOT NULL, 
	certification_id INTEGER, 
	outcome VARCHAR(30) NOT NULL, 
	flags INTEGER NOT NULL, 
	due_before DATE, 
	due_after DATE, 
	recertification_before DATE, 
	recertification_after DATE, 
	course_before INTEGER, 
	course_after INTEGER, 
	assignment_id INTEGER, 
	applied_at VARCHAR(27), 
	CONSTRAINT pk_rollout_item PRIMARY KEY (proposal_id, learner_id, training_type_id), 
	CONSTRAINT fk_rollout_item_course_after FOREIGN KEY(course_after) REFERENCES course (id), 
	CONSTRAINT fk_rollout_item_certification_id FOREIGN KEY(certification_id) REFERENCES certification (id), 
	CONSTRAINT fk_rollout_item_course_before FOREIGN KEY(course_before) REFERENCES course (id), 
	CONSTRAINT fk_rollout_item_learner_id FOREIGN KEY(learner_id) REFERENCES learner (id), 
	CONSTRAINT fk_rollout_item_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignment (id), 
	CONSTRAINT fk_rollout_item_proposal_id FOREIGN KEY(proposal_id) REFERENCES proposal (id)
)
 WITHOUT ROWID

;
INSERT INTO "rollout_item" VALUES(1,1,1,1,'completed',0,NULL,NULL,'2026-10-01','2026-10-01',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(1,1,2,2,'completed',0,NULL,NULL,'2027-01-15','2027-01-15',4,4,NULL,NULL);
INSERT INTO "rollout_item" VALUES(1,2,1,3,'open-assignment',0,'2026-10-31','2026-10-31',NULL,NULL,1,1,4,NULL);
INSERT INTO "rollout_item" VALUES(1,2,2,4,'open-assignment',0,'2026-12-24','2026-12-24',NULL,NULL,4,4,6,NULL);
INSERT INTO "rollout_item" VALUES(1,3,1,5,'completed',0,NULL,NULL,'2027-03-01','2027-03-01',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(1,4,1,6,'completed',0,NULL,NULL,'2026-10-01','2026-10-01',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(1,5,1,7,'skip-archived',0,NULL,NULL,'2026-10-01','2026-10-01',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(1,6,1,8,'completed',0,NULL,NULL,'2026-05-01','2026-05-01',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(1,7,2,9,'completed',0,NULL,NULL,'2026-01-01','2026-01-01',NULL,NULL,NULL,NULL);
INSERT INTO "rollout_item" VALUES(1,8,1,10,'skip-never-completed',0,NULL,NULL,NULL,NULL,1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(1,9,1,11,'completed',0,NULL,NULL,'2026-11-23','2026-11-23',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(1,10,1,12,'open-assignment',0,'2026-12-18','2026-12-18',NULL,NULL,1,1,13,NULL);
INSERT INTO "rollout_item" VALUES(2,1,1,1,'completed',0,NULL,NULL,'2026-10-01','2026-10-01',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(2,1,2,2,'completed',0,NULL,NULL,'2027-01-15','2027-01-15',4,4,NULL,NULL);
INSERT INTO "rollout_item" VALUES(2,2,1,3,'renotify',0,'2026-10-31','2026-12-18',NULL,NULL,1,1,4,'2026-11-27T00:15:21.097724Z');
INSERT INTO "rollout_item" VALUES(2,2,2,4,'renotify-keep-due',0,'2026-12-24','2026-12-24',NULL,NULL,4,4,6,'2026-11-27T00:15:21.097724Z');
INSERT INTO "rollout_item" VALUES(2,3,1,5,'completed',0,NULL,NULL,'2027-03-01','2027-03-01',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(2,4,1,6,'completed',0,NULL,NULL,'2026-10-01','2026-10-01',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(2,5,1,7,'skip-archived',0,NULL,NULL,'2026-10-01','2026-10-01',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(2,6,1,8,'completed',0,NULL,NULL,'2026-05-01','2026-05-01',2,2,NULL,NULL);
INSERT INTO "rollout_item" VALUES(2,7,2,9,'completed',0,NULL,NULL,'2026-01-01','2026-01-01',5,5,NULL,NULL);
INSERT INTO "rollout_item" VALUES(2,8,1,10,'skip-never-completed',0,NULL,NULL,NULL,NULL,1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(2,9,1,11,'completed',0,NULL,NULL,'2026-11-23','2026-11-23',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(2,10,1,12,'renotify-keep-due',0,'2026-12-18','2026-12-18',NULL,NULL,1,1,13,'2026-11-27T00:15:21.097724Z');
INSERT INTO "rollout_item" VALUES(3,1,1,1,'set-date-extends',8,NULL,NULL,'2026-10-01','2026-11-23',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(3,1,2,2,'set-date',32,NULL,NULL,'2027-01-15','2026-11-23',4,4,NULL,NULL);
INSERT INTO "rollout_item" VALUES(3,2,1,3,'skip-open-assignment',0,'2026-12-18','2026-12-18',NULL,NULL,1,1,4,NULL);
INSERT INTO "rollout_item" VALUES(3,2,2,4,'skip-open-assignment',0,'2026-12-24','2026-12-24',NULL,NULL,4,4,6,NULL);
INSERT INTO "rollout_item" VALUES(3,3,1,5,'set-date',32,NULL,NULL,'2027-03-01','2026-11-23',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(3,4,1,6,'set-date-extends',9,NULL,NULL,'2026-10-01','2026-11-23',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(3,5,1,7,'skip-archived',0,NULL,NULL,'2026-10-01','2026-10-01',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(3,6,1,8,'set-date-extends',8,NULL,NULL,'2026-05-01','2026-11-23',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(3,7,2,9,'skip-no-course',0,NULL,NULL,'2026-01-01','2026-01-01',NULL,NULL,NULL,NULL);
INSERT INTO "rollout_item" VALUES(3,8,1,10,'skip-never-completed',0,NULL,NULL,NULL,NULL,1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(3,9,1,11,'skip-unchanged',0,NULL,NULL,'2026-11-23','2026-11-23',1,1,NULL,NULL);
INSERT INTO "rollout_item" VALUES(3,10,1,12,'skip-open-assignment',0,'2026-12-18','2026-12-18',NULL,NULL,1,1,13,NULL);
CREATE TABLE rollout_step (
	id INTEGER NOT NULL, 
	rollout_id INTEGER NOT NULL, 
	slug VARCHAR(50) NOT NULL, 
	position INTEGER NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	opens_on DATE NOT NULL, 
	openings INTEGER DEFAULT '0' NOT NULL, 
	applied_at VARCHAR(27), 
	CONSTRAINT pk_rollout_step PRIMARY KEY (id), 
	CONSTRAINT fk_rollout_step_rollout_id FOREIGN KEY(rollout_id) REFERENCES rollout (id), 
	CONSTRAINT uq_rollout_step_rollout_id_slug UNIQUE (rollout_id, slug)
);
INSERT INTO "rollout_step" VALUES(1,1,'verify-completion',1,'passed','2026-11-23',0,'2026-11-27T00:15:19.573690Z');
INSERT INTO "rollout_step" VALUES(2,1,'renotify-incomplete',2,'applied','2026-11-23',1,'2026-11-27T00:15:21.907514Z');
INSERT INTO "rollout_step" VALUES(3,1,'set-recertification-dates',3,'in-review','2026-11-23',1,NULL);
INSERT INTO "rollout_step" VALUES(4,1,'disable-automatic-recertification',4,'pending','2026-11-23',0,NULL);
INSERT INTO "rollout_step" VALUES(5,1,'recertify-due',5,'pending','2026-11-23',0,NULL);
INSERT INTO "rollout_step" VALUES(6,1,'notify-learners',6,'pending','2026-11-23',0,NULL);
CREATE TABLE rollout_training_type (
	rollout_id INTEGER NOT NULL, 
	training_type_id INTEGER NOT NULL, 
	alive BOOLEAN NOT NULL, 
	CONSTRAINT pk_rollout_training_type PRIMARY KEY (rollout_id, training_type_id), 
	CONSTRAINT fk_rollout_training_type_rollout_id FOREIGN KEY(rollout_id) REFERENCES rollout (id), 
	CONSTRAINT fk_rollout_training_type_training_type_id FOREIGN KEY(training_type_id) REFERENCES training_type (id)
);
INSERT INTO "rollout_training_type" VALUES(1,1,1);
INSERT INTO "rollout_training_type" VALUES(1,2,1);
CREATE TABLE selection (
	id INTEGER NOT NULL, 
	chosen JSON NOT NULL, 
	made_by VARCHAR(320) NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	number INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_selection PRIMARY KEY (id)
);
CREATE TABLE selection_line (
	selection_id INTEGER NOT NULL, 
	learner_id INTEGER NOT NULL, 
	training_type_id INTEGER NOT NULL, 
	CONSTRAINT pk_selection_line PRIMARY KEY (selection_id, learner_id, training_type_id), 
	CONSTRAINT fk_selection_line_selection_id FOREIGN KEY(selection_id) REFERENCES selection (id), 
	CONSTRAINT fk_selection_line_learner_id FOREIGN KEY(learner_id) REFERENCES learner (id)
)
 WITHOUT ROWID

;
CREATE TABLE setting (
	name VARCHAR(120) NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_setting PRIMARY KEY (name)
);
CREATE TABLE sign_in_failure (
	id INTEGER NOT NULL, 
	account VARCHAR(64) NOT NULL, 
	address VARCHAR(64) NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_sign_in_failure PRIMARY KEY (id)
);
CREATE TABLE training_type (
	id INTEGER NOT NULL, 
	slug VARCHAR(100) NOT NULL, 
	automatic BOOLEAN DEFAULT (true) NOT NULL, 
	CONSTRAINT pk_training_type PRIMARY KEY (id), 
	CONSTRAINT uq_training_type_slug UNIQUE (slug)
);
INSERT INTO "training_type" VALUES(1,'conduct',1);
INSERT INTO "training_type" VALUES(2,'privacy',1);
INSERT INTO "training_type" VALUES(3,'safety',1);
CREATE TABLE user_password (
	user_id INTEGER NOT NULL, 
	hash VARCHAR(200) NOT NULL, 
	changed_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_user_password PRIMARY KEY (user_id), 
	CONSTRAINT fk_user_password_user_id FOREIGN KEY(user_id) REFERENCES app_user (id)
);
CREATE TABLE web_session (
	id INTEGER NOT NULL, 
	token_digest VARCHAR(64) NOT NULL, 
	user_id INTEGER NOT NULL, 
	began_at VARCHAR(27) NOT NULL, 
	seen_at VARCHAR(27) NOT NULL, 
	ended_at VARCHAR(27), 
	CONSTRAINT pk_web_session PRIMARY KEY (id), 
	CONSTRAINT fk_web_session_user_id FOREIGN KEY(user_id) REFERENCES app_user (id), 
	CONSTRAINT uq_web_session_token_digest UNIQUE (token_digest)
);
CREATE INDEX ix_message_learner_id ON message (learner_id);
CREATE INDEX ix_message_rollout_id ON message (rollout_id);
CREATE INDEX ix_message_state ON message (state, id);
CREATE UNIQUE INDEX uq_rollout_alive ON rollout_training_type (training_type_id) WHERE alive;
CREATE UNIQUE INDEX uq_proposal_current ON proposal (step_id) WHERE withdrawn_at IS NULL;
CREATE INDEX ix_hold_certification_id ON hold (certification_id);
CREATE INDEX ix_review_proposal_id ON review (proposal_id);
CREATE UNIQUE INDEX uq_review_open ON review (proposal_id) WHERE closed_at IS NULL;
CREATE INDEX ix_approval_review_id ON approval (review_id);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN NEW.seq <= (SELECT max(seq) FROM audit) BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE INDEX ix_message_line_assignment_id ON message_line (assignment_id);
CREATE INDEX ix_bounce_message_id ON bounce (message_id);
CREATE INDEX ix_mail_template_kind_language ON mail_template (kind, language, id);
CREATE INDEX ix_assignment_open_due ON assignment (due_on) WHERE completed_on IS NULL;
CREATE UNIQUE INDEX uq_assignment_open ON assignment (certification_id) WHERE completed_on IS NULL;
CREATE INDEX ix_assignment_withdrawn_from ON assignment (withdrawn_from);
CREATE INDEX ix_rollout_item_certification_id ON rollout_item (certification_id);
CREATE INDEX ix_web_session_user_id ON web_session (user_id);
CREATE INDEX ix_sign_in_failure_at ON sign_in_failure (at);
CREATE INDEX ix_learner_last_name_first_name ON learner (last_name, first_name, id);
CREATE INDEX ix_certification_training_type_id_learner_id ON certification (training_type_id, learner_id);
COMMIT;
