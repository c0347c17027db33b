//! Requirements of RFC 9240 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc9240"

    s3_2 "3.2":
        1 def ONE_DOMAIN "An entity belongs to one domain: a request for one domain gets entities of that domain only";
    s3_2_1 "3.2.1":
        1 must DOMAIN_KNOWN "An entity domain type is registered or begins with `priv:`";
    s3_3 "3.3":
        1 must PROPERTY_KNOWN "An entity property type is registered or begins with `priv:`";
    s4_3 "4.3":
        1 must NAMED_RESOURCE "A property that depends on a resource is named with its ID: `pid` only as `<map>.pid`";
    s4_6_1 "4.6.1":
        1 def DEFINES "The resource that defines a domain is listed and defines the entities itself";
    s5_1_1 "5.1.1":
        1 must DOMAIN_FORM "An entity domain type has 1 to 64 characters of [0-9A-Za-z:_-]";
        2 must ONE_COLON "An entity domain type has at most one colon";
        3 must COLON_OF_PRIVATE "A colon in an entity domain type belongs to the prefix `priv:`";
        4 must DOMAIN_PRIVATE "The prefix `priv:` of an entity domain type is followed by a name";
    s5_1_2 "5.1.2":
        1 must NO_DOT "A resource ID contains no dot";
    s5_1_2_1 "5.1.2.1":
        1 must SPECIFIC_DOMAIN "A resource-specific domain is a resource ID, a dot, and a domain type";
    s5_1_2_3 "5.1.2.3":
        1 must SELF_DEFINED_DOMAIN
            "A self-defined domain is a dot and a domain type, without the ID of the property map";
    s5_1_3 "5.1.3":
        1 def ENTITY "An entity ID is the name of a mapped domain, a colon, and an identifier of that domain";
        2 def SPELLINGS
            "Entities are compared by value: every spelling of an address denotes the same entity, which counts once";
    s5_2_1 "5.2.1":
        1 must PROPERTY_FORM "An entity property type has 1 to 32 characters of [0-9A-Za-z:_-]";
        2 must PROPERTY_PRIVATE "The prefix `priv:` of an entity property type is followed by a name";
    s5_2_2 "5.2.2":
        1 def SPECIFIC_PROPERTY
            "A resource-specific property is the ID of a listed resource, a dot, and a property type";
        2 should SELF_DEFINED_PROPERTY "A self-defined property is named without the ID of the property map";
    s6_1_1 "6.1.1":
        1 def V4_LENGTH "An IPv4 address and its prefix of length 32 are the same entity";
    s6_1_2 "6.1.2":
        1 def V6_LENGTH "An IPv6 address and its prefix of length 128 are the same entity";
    s6_1_3 "6.1.3":
        1 def INHERITED
            "An address without a value of its own inherits that of the longest prefix that contains it and has a value";
        2 must BETWEEN
            "A prefix without a value of its own inherits that of the longest shorter prefix that contains it";
        3 def NONE "An address that is in no prefix with the property has no value";
        4 may MAY_HAVE_NONE "A property map may state that an entity has no value for a property";
        5 must NULL "An entity without a value that would otherwise inherit one is listed with null";
    s6_1_4 "6.1.4":
        1 must ADDRESSES_OF_MAP "The defining resource of a resource-specific address domain is a network map";
    s6_2_3 "6.2.3":
        1 def FLAT "PIDs inherit no properties: they have those that the property map lists";
    s6_2_4 "6.2.4":
        1 must PIDS_OF_MAP "The defining resource of a resource-specific PID domain is a network map";
    s7_1 "7.1":
        1 def WHOLE "A property map is fetched by GET as application/alto-propmap+json";
    s7_4 "7.4":
        1 def MAPPINGS "`mappings` is present and has a non-empty array of properties for each entity domain";
    s7_5 "7.5":
        1 def USES "`uses` has every resource that `mappings` names, and one directory lists them all";
    s7_6 "7.6":
        1 must TAGS "`meta.dependent-vtags` has the current version tag of every resource in `uses`";
        2 must ORDER "`dependent-vtags` has the order of `uses`";
        3 def FORM "`property-map` maps entities to objects of properties";
        4 def ONLY_MAPPED "Entities belong to domains in `mappings` and have only properties mapped for their domain";
        6 must SAME_RESOURCE "Entities of a resource-specific domain have no properties specific to other resources";
        8 should COMPLETE "A full property map has every value that its filtered view has, directly or by inheritance";
    s8_2 "8.2":
        1 def FILTERED
            "A filtered property map accepts application/alto-propmapparams+json and answers with a property map";
    s8_3 "8.3":
        1 must EVERYTHING "An empty array `entities` stands for all entities";
        3 must REPEATED_ENTITIES "Repeated entities count once";
        4 must ALL_PROPERTIES "An empty array `properties` stands for all properties";
        6 must REPEATED_PROPERTIES "Repeated properties count once";
        7 def NAMES
            "Without `properties`, each entity that has properties gets an empty object, and no other entity is listed";
        8 def USABLE "Without entities and without `properties`, the answer lists entities that can be requested";
    s8_6 "8.6":
        1 must ERRORS "An invalid request is rejected with an ALTO error";
        2 must NEEDS_ENTITIES "A request without `entities` is rejected with E_MISSING_FIELD";
        3 must DOMAIN "An entity of a domain that is not mapped is rejected with E_INVALID_FIELD_VALUE";
        4 must IDENTIFIER "An identifier that is invalid in its domain is rejected with E_INVALID_FIELD_VALUE";
        5 should ENTITY_NAMED "The error for an entity names it in `value`";
        6 def NO_PROPERTIES "A valid entity without properties is no error: it is absent or has no properties";
        7 must PROPERTY "A property that is not mapped is rejected with E_INVALID_FIELD_VALUE";
        8 should PROPERTY_NAMED "The error for a property names it in `value`";
        9 must UNDEFINED "A mapped property that an entity does not have is absent and no error";
        10 should FIELD "Where a string could be an entity or a property, `field` tells which one is invalid";
        11 must ALL_TAGS
            "If a resource-agnostic entity is requested, `dependent-vtags` has the tags of all resources in `uses`";
        12 must SOME_TAGS "For resource-specific entities, `dependent-vtags` has the tags of their defining resources";
        13 def ONLY_ASKED "The answer has requested properties only, of requested entities and those they contain";
        14 must ALL_PROPERTIES "For a requested prefix, the answer has every property of every address in it";
        15 must ENOUGH "The value of every address in a requested prefix follows from the answer alone";
        16 must WRITTEN_OUT "Values inherited from outside a requested prefix are stated for the requested prefix";
        17 must EXCEPTIONS "Entities within a requested prefix are listed where their values differ";
        18 should COVERED "An entity that other entities in the answer cover completely is absent";
    s8_7 "8.7":
        1 must PID_OF_MAP "The property `pid` is defined by a network map and has the values of that map";
    s9_1 "9.1":
        1 def LEGACY "The endpoint property service gives the same `pid` as the property map";
    s11 "11":
        1 should STREAMS "Changes of property maps are available as a stream (RFC 8895)";
        4 should TLS "TLS 1.3 is used";
    s12_3_2 "12.3.2":
        1 must LENGTH "An address and its prefix of full length are the same entity";

    @not_observable
        "5.1.1/5" "concerns the meaning of a private name, which no message states";
        "5.1.4/1" "binds those who define domain types";
        "5.2.1/3" "concerns the meaning of a private name, which no message states";
        "6.1.3/7" "permits both null and absence";
        "6.1.3/9" "permits both listing entities and leaving them out";
        "6.2.5/1" "equal values of a PID and its addresses may have been assigned to both";
        "6.2.5/2" "permits values to be assigned to both; nothing can violate it";
        "6.3/1" "concerns the subject of a property, which no message states";
        "7.6/9" "permits both listing inherited values and leaving them out";
        "9.2/1" "defines how names are read: values of `.x` in two maps may differ or agree";
        "11/2" "is a decision of operators about what is sensitive; access control is graded by rfc7285/15.3.2/2";
        "11/3" "is a decision of operators about disclosure";
        "12.3.1/1" "binds those who register domain types";
}
